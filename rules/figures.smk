rule frontier:
    """Frontier: bits per byte against tokens per second."""
    input:
        "results/unified/aggregate.csv",
    output:
        pdf="results/unified/frontier.pdf",
        png=report(
            "results/unified/frontier.png",
            category="unified",
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
        script="frontier",
        code=script_code("frontier"),
    # the script of a figure takes what it draws by --table
    shell:
        "python -m workflow_scripts.{params.script} --table {input:q} --pdf {output.pdf:q} "
        "--png {output.png:q} 2>&1 | tee {log:q}"


use rule frontier as perft_frontier with:
    """Frontier of adapters: quality against the share of parameters that a token uses."""
    input:
        "results/perft/arms.csv",
    output:
        pdf="results/perft/perft_frontier.pdf",
        png=report(
            "results/perft/perft_frontier.png",
            category="perft",
            labels={"figure": "frontier"},
            caption="../report/captions/perft_frontier.rst",
        ),
    log:
        "results/logs/perft_frontier.log",
    benchmark:
        "results/benchmarks/perft_frontier.jsonl"
    params:
        script="perft_frontier",
        code=script_code("perft_frontier"),


use rule frontier as compute_figure with:
    """Figure of the compute benchmark, which runs apart and is stored with the code."""
    input:
        COMPUTE,
    output:
        pdf="results/compute/{figure}.pdf",
        png=report(
            "results/compute/{figure}.png",
            category="compute",
            labels={"figure": "{figure}"},
            caption="../report/captions/compute.rst",
        ),
    log:
        "results/logs/{figure}.log",
    benchmark:
        "results/benchmarks/{figure}.jsonl"
    params:
        script="{figure}",
        code=lambda wildcards: script_code(wildcards.figure),


use rule frontier as overlay with:
    """Overlay: learning curves with the range over seeds."""
    input:
        run_files(study.unified, "metrics.jsonl"),
    output:
        pdf="results/unified/overlay.pdf",
        png=report(
            "results/unified/overlay.png",
            category="unified",
            labels={"figure": "overlay"},
            caption="../report/captions/overlay.rst",
        ),
    log:
        "results/logs/overlay.log",
    benchmark:
        "results/benchmarks/overlay.jsonl"
    params:
        script="overlay",
        code=script_code("overlay"),


use rule frontier as load_quality with:
    """Load against quality: imbalance by a decoder's rule, and bits per byte."""
    input:
        "results/unified/summary.csv",
    output:
        pdf="results/unified/load_quality.pdf",
        png=report(
            "results/unified/load_quality.png",
            category="unified",
            labels={"figure": "load quality"},
            caption="../report/captions/load_quality.rst",
        ),
    log:
        "results/logs/load_quality.log",
    benchmark:
        "results/benchmarks/load_quality.jsonl"
    params:
        script="load_quality",
        code=script_code("load_quality"),


use rule frontier as ranking with:
    """Ranking: bits per byte less the dense model of equal active FLOPs, with intervals."""
    input:
        "results/unified/aggregate.csv",
    output:
        pdf="results/unified/ranking.pdf",
        png=report(
            "results/unified/ranking.png",
            category="unified",
            labels={"figure": "ranking"},
            caption="../report/captions/ranking.rst",
        ),
    log:
        "results/logs/ranking.log",
    benchmark:
        "results/benchmarks/ranking.jsonl"
    params:
        script="ranking",
        code=script_code("ranking"),


use rule frontier as sweep with:
    """An experiment that changes one thing at a time: quality, and a second measure, by level."""
    input:
        "results/{sweep}/aggregate.csv",
    output:
        pdf="results/{sweep}/{sweep}.pdf",
        png=report(
            "results/{sweep}/{sweep}.png",
            category="{sweep}",
            labels={"figure": "sweep"},
            caption="../report/captions/sweep.rst",
        ),
    log:
        "results/logs/sweep/{sweep}.log",
    benchmark:
        "results/benchmarks/sweep/{sweep}.jsonl"
    params:
        script="sweep",
        code=script_code("sweep"),


use rule frontier as capacity_drop_rate with:
    """Drop rate against capacity factor, with the closed-form law."""
    input:
        "results/capacity/microbench.csv",
    output:
        pdf="results/capacity/capacity_drop_rate.pdf",
        png=report(
            "results/capacity/capacity_drop_rate.png",
            category="capacity",
            labels={"figure": "capacity drop rate"},
            caption="../report/captions/capacity_drop_rate.rst",
        ),
    log:
        "results/logs/capacity_drop_rate.log",
    benchmark:
        "results/benchmarks/capacity_drop_rate.jsonl"
    params:
        script="capacity_drop_rate",
        code=script_code("capacity_drop_rate"),


use rule frontier as capacity_tokens_per_s with:
    """Tokens per second of capacity, pack and combine."""
    input:
        "results/capacity/microbench.csv",
    output:
        pdf="results/capacity/capacity_tokens_per_s.pdf",
        png=report(
            "results/capacity/capacity_tokens_per_s.png",
            category="capacity",
            labels={"figure": "capacity tokens per s"},
            caption="../report/captions/capacity_tokens_per_s.rst",
        ),
    log:
        "results/logs/capacity_tokens_per_s.log",
    benchmark:
        "results/benchmarks/capacity_tokens_per_s.jsonl"
    params:
        script="capacity_tokens_per_s",
        code=script_code("capacity_tokens_per_s"),
