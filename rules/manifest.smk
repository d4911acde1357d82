rule manifest:
    """What made these results: configuration, environments, runs, jobs and digests of all files."""
    input:
        files=files_of_all,
    output:
        json="results/manifest.json",
    log:
        "results/logs/manifest.log",
    benchmark:
        "results/benchmarks/manifest.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        configuration=canonical_json(study.resolved()),
        jobs=lambda wildcards: canonical_json(jobs_of_all()),
        code=script_code("manifest"),
    # jobs by standard input: longer than an argument may be
    shell:
        "echo {params.jobs:q} | python -m workflow_scripts.manifest "
        "--configuration {params.configuration:q} --out {output.json:q} 2>&1 | tee {log:q}"
