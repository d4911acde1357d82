rule summary:
    """One row a run of an experiment, and a row for each n-gram control."""
    input:
        runs=experiment_files("summary.json"),
        metrics=experiment_files("metrics.jsonl"),
        throughput=experiment_throughput,
        ngram=experiment_ngrams,
    output:
        csv=report(
            "results/{experiment}/summary.csv",
            category="{experiment}",
            labels={"table": "one row a run"},
            caption="../report/captions/summary.rst",
        ),
    log:
        "results/logs/summary/{experiment}.log",
    benchmark:
        "results/benchmarks/summary/{experiment}.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        shape_of=experiment_shapes,
        code=script_code("summary"),
    shell:
        "python -m workflow_scripts.summary --shape-of {params.shape_of:q} "
        "--runs {input.runs:q} --throughput {input.throughput:q} --ngram {input.ngram:q} "
        "--out {output.csv:q} 2>&1 | tee {log:q}"


rule aggregate:
    """One row a cell: means over paired seeds with 95 % intervals, differences to dense."""
    input:
        summary="results/{experiment}/summary.csv",
        stories=experiment_files("stories.csv"),
    output:
        csv=report(
            "results/{experiment}/aggregate.csv",
            category="{experiment}",
            labels={"table": "one row a cell"},
            caption="../report/captions/aggregate.rst",
        ),
    log:
        "results/logs/aggregate/{experiment}.log",
    benchmark:
        "results/benchmarks/aggregate/{experiment}.jsonl"
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
        "--runs results/runs --out {output.csv:q} 2>&1 | tee {log:q}"


rule learning_rate_choice:
    """The best rate of each strategy on tuning seeds, and whether it sits on the grid's edge."""
    input:
        summary="results/learning_rate/summary.csv",
    output:
        csv="results/learning_rate/choice.csv",
    log:
        "results/logs/learning_rate_choice.log",
    benchmark:
        "results/benchmarks/learning_rate_choice.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        factors=study.config.experiments.learning_rate.factors,
        named_by=["strategy", "ffn_hidden"],
        code=script_code("learning_rate_choice"),
    shell:
        "python -m workflow_scripts.learning_rate_choice --summary {input.summary:q} "
        "--factors {params.factors} --named-by {params.named_by:q} --out {output.csv:q} "
        "2>&1 | tee {log:q}"
