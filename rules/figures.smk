rule frontier:
    """Frontier: bits per byte against tokens per second."""
    input:
        aggregate="results/unified/aggregate.csv",
    output:
        pdf="results/unified/frontier.pdf",
        png=report(
            "results/unified/frontier.png",
            category="Unified",
            labels={"figure": "frontier"},
            caption="../report/captions/frontier.rst",
        ),
    log:
        "results/logs/frontier.log",
    benchmark:
        "results/benchmarks/frontier.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("frontier"),
    shell:
        "python -m workflow_scripts.frontier --aggregate {input.aggregate:q} "
        "--pdf {output.pdf:q} --png {output.png:q} 2>&1 | tee {log:q}"


rule overlay:
    """Overlay: learning curves with the range over seeds."""
    input:
        metrics=run_files(study.unified, "metrics.jsonl"),
        summaries=run_files(study.unified, "summary.json"),
    output:
        pdf="results/unified/overlay.pdf",
        png=report(
            "results/unified/overlay.png",
            category="Unified",
            labels={"figure": "overlay"},
            caption="../report/captions/overlay.rst",
        ),
    log:
        "results/logs/overlay.log",
    benchmark:
        "results/benchmarks/overlay.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        runs=run_files(study.unified, ""),
        code=script_code("overlay"),
    shell:
        "python -m workflow_scripts.overlay --runs {params.runs:q} "
        "--pdf {output.pdf:q} --png {output.png:q} 2>&1 | tee {log:q}"


rule load_quality:
    """Load against quality: imbalance before dropping, and bits per byte."""
    input:
        summary="results/unified/summary.csv",
    output:
        pdf="results/unified/load_quality.pdf",
        png=report(
            "results/unified/load_quality.png",
            category="Unified",
            labels={"figure": "load quality"},
            caption="../report/captions/load_quality.rst",
        ),
    log:
        "results/logs/load_quality.log",
    benchmark:
        "results/benchmarks/load_quality.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("load_quality"),
    shell:
        "python -m workflow_scripts.load_quality --summary {input.summary:q} "
        "--pdf {output.pdf:q} --png {output.png:q} 2>&1 | tee {log:q}"


rule capacity_drop_rate:
    """Drop rate against capacity factor, with the closed-form law."""
    input:
        microbench="results/capacity/microbench.csv",
    output:
        pdf="results/capacity/capacity_drop_rate.pdf",
        png=report(
            "results/capacity/capacity_drop_rate.png",
            category="Capacity",
            labels={"figure": "capacity drop rate"},
            caption="../report/captions/capacity_drop_rate.rst",
        ),
    log:
        "results/logs/capacity_drop_rate.log",
    benchmark:
        "results/benchmarks/capacity_drop_rate.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("capacity_drop_rate"),
    shell:
        "python -m workflow_scripts.capacity_drop_rate --microbench {input.microbench:q} "
        "--pdf {output.pdf:q} --png {output.png:q} 2>&1 | tee {log:q}"


rule capacity_tokens_per_s:
    """Tokens per second of capacity, pack and combine."""
    input:
        microbench="results/capacity/microbench.csv",
    output:
        pdf="results/capacity/capacity_tokens_per_s.pdf",
        png=report(
            "results/capacity/capacity_tokens_per_s.png",
            category="Capacity",
            labels={"figure": "capacity tokens per s"},
            caption="../report/captions/capacity_tokens_per_s.rst",
        ),
    log:
        "results/logs/capacity_tokens_per_s.log",
    benchmark:
        "results/benchmarks/capacity_tokens_per_s.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("capacity_tokens_per_s"),
    shell:
        "python -m workflow_scripts.capacity_tokens_per_s --microbench {input.microbench:q} "
        "--pdf {output.pdf:q} --png {output.png:q} 2>&1 | tee {log:q}"
