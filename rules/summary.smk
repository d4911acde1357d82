rule summary:
    """One row a run of the unified experiment, and a row for the n-gram control."""
    input:
        runs=run_files(study.unified, "summary.json"),
        throughput=expand("results/throughput/{shape}.json", shape=study.shapes),
        ngram=f"results/ngram/{study.tokens}.json",
    output:
        csv=report(
            "results/unified/summary.csv",
            category="Unified",
            labels={"table": "one row a run"},
            caption="../report/captions/summary.rst",
        ),
    log:
        "results/logs/summary.log",
    benchmark:
        "results/benchmarks/summary.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        shape_of=canonical_json(study.shape_of),
        code=script_code("summary"),
    shell:
        "python -m workflow_scripts.summary --shape-of {params.shape_of:q} "
        "--runs {input.runs:q} --throughput {input.throughput:q} --ngram {input.ngram:q} "
        "--out {output.csv:q} 2>&1 | tee {log:q}"


rule aggregate:
    """One row a cell: means over paired seeds with 95 % intervals, differences to dense."""
    input:
        summary="results/unified/summary.csv",
    output:
        csv=report(
            "results/unified/aggregate.csv",
            category="Unified",
            labels={"table": "one row a cell"},
            caption="../report/captions/aggregate.rst",
        ),
    log:
        "results/logs/aggregate.log",
    benchmark:
        "results/benchmarks/aggregate.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("aggregate"),
    shell:
        "python -m workflow_scripts.aggregate --summary {input.summary:q} "
        "--out {output.csv:q} 2>&1 | tee {log:q}"
