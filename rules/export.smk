rule export:
    """Write a trained run as a checkpoint of transformers."""
    input:
        weights=exported_weights,
        summary="results/runs/{run}/summary.json",
        tokenizer=tokens_tokenizer,
    output:
        folder=directory("results/export/{run}"),
    log:
        "results/logs/export/{run}.log",
    benchmark:
        "results/benchmarks/export/{run}.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=2000,
        gpu=0,
    params:
        code=export_code,
    shell:
        "python -m workflow_scripts.export --run {wildcards.run:q} --results results "
        "--folder {output.folder:q} 2>&1 | tee {log:q}"
