rule manifest:
    """What made these results: configuration, environments, and digests of tables and figures."""
    input:
        # tables, and figures as images
        files=[
            file
            for target in (
                rules.unified,
                rules.capacity,
                rules.experiments,
                rules.claims,
            )
            for file in target.input
            if file.endswith((".csv", ".png"))
        ],
        runs=run_files(study.runs, "summary.json"),
        meta=expand("results/tokens/{tokens}/meta.json", tokens=study.tokenizers),
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
        code=script_code("manifest"),
    shell:
        "python -m workflow_scripts.manifest --configuration {params.configuration:q} "
        "--files {input.files:q} --runs {input.runs:q} --meta {input.meta:q} "
        "--out {output.json:q} 2>&1 | tee {log:q}"
