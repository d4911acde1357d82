# whose routers are drawn: where each strategy has a panel, and where each has a row
UNIFIED = study.config.experiments.unified
HEADLINE = UNIFIED.headline or UNIFIED.strategies
COMPARED = [s for s in UNIFIED.strategies if not s.startswith("as_published_")]


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


use rule frontier as sweep_frontier with:
    """Frontier of an experiment that changes one thing; quality alone where it is not timed."""
    input:
        "results/{sweep}/aggregate.csv",
    output:
        pdf="results/{sweep}/frontier.pdf",
        png=report(
            "results/{sweep}/frontier.png",
            category="{sweep}",
            labels={"figure": "frontier"},
            caption="../report/captions/sweep_frontier.rst",
        ),
    log:
        "results/logs/sweep_frontier/{sweep}.log",
    benchmark:
        "results/benchmarks/sweep_frontier/{sweep}.jsonl"
    params:
        script="frontier",
        code=script_code("frontier"),


use rule frontier as frontier_annotated with:
    """Annotated frontier: operating regimes of the strategies, found by rule."""
    input:
        "results/unified/aggregate.csv",
    output:
        pdf="results/unified/frontier_annotated.pdf",
        png=report(
            "results/unified/frontier_annotated.png",
            category="unified",
            labels={"figure": "annotated frontier"},
            caption="../report/captions/frontier_annotated.rst",
        ),
    log:
        "results/logs/frontier_annotated.log",
    benchmark:
        "results/benchmarks/frontier_annotated.jsonl"
    params:
        script="frontier_annotated",
        code=script_code("frontier_annotated"),


use rule frontier as gate_balance with:
    """Gate against balance: entropy of the router's probabilities, and load CV."""
    input:
        "results/unified/aggregate.csv",
    output:
        pdf="results/unified/gate_balance.pdf",
        png=report(
            "results/unified/gate_balance.png",
            category="unified",
            labels={"figure": "gate and balance"},
            caption="../report/captions/gate_balance.rst",
        ),
    log:
        "results/logs/gate_balance.log",
    benchmark:
        "results/benchmarks/gate_balance.jsonl"
    params:
        script="gate_balance",
        code=script_code("gate_balance"),


use rule frontier as saturation with:
    """Saturation: share of a router's final choices already made, over training."""
    input:
        run_files(study.unified, "metrics.jsonl"),
    output:
        pdf="results/analysis/saturation.pdf",
        png=report(
            "results/analysis/saturation.png",
            category="Analysis",
            labels={"figure": "saturation"},
            caption="../report/captions/saturation.rst",
        ),
    log:
        "results/logs/saturation.log",
    benchmark:
        "results/benchmarks/saturation.jsonl"
    params:
        script="saturation",
        code=script_code("saturation"),


rule expert_load:
    """Expert load: share of assignments by expert, busiest first."""
    input:
        "results/analysis/expert_load.csv",
    output:
        pdf="results/analysis/expert_load.pdf",
        png=report(
            "results/analysis/expert_load.png",
            category="Analysis",
            labels={"figure": "expert load"},
            caption="../report/captions/expert_load.rst",
        ),
    log:
        "results/logs/expert_load.log",
    benchmark:
        "results/benchmarks/expert_load.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        script="expert_load",
        code=script_code("expert_load"),
        strategies=HEADLINE,
        tokens=study.tokens,
    # the script of a figure of routing takes besides whose routers it draws, and on which text
    shell:
        "python -m workflow_scripts.{params.script} --table {input:q} "
        "--strategies {params.strategies:q} --tokens {params.tokens:q} --pdf {output.pdf:q} "
        "--png {output.png:q} 2>&1 | tee {log:q}"


use rule expert_load as routing_heatmap with:
    """Routing heatmap: experts and combine weights of 64 tokens."""
    input:
        "results/analysis/excerpt.csv",
    output:
        pdf="results/analysis/routing_heatmap.pdf",
        png=report(
            "results/analysis/routing_heatmap.png",
            category="Analysis",
            labels={"figure": "routing heatmap"},
            caption="../report/captions/routing_heatmap.rst",
        ),
    log:
        "results/logs/routing_heatmap.log",
    benchmark:
        "results/benchmarks/routing_heatmap.jsonl"
    params:
        script="routing_heatmap",
        code=script_code("routing_heatmap"),
        strategies=HEADLINE,
        tokens=study.tokens,


use rule expert_load as routing_heatmap_summary with:
    """Routing summary: share of all test tokens' assignments by expert and strategy."""
    input:
        "results/analysis/expert_load.csv",
    output:
        pdf="results/analysis/routing_heatmap_summary.pdf",
        png=report(
            "results/analysis/routing_heatmap_summary.png",
            category="Analysis",
            labels={"figure": "routing summary"},
            caption="../report/captions/routing_heatmap_summary.rst",
        ),
    log:
        "results/logs/routing_heatmap_summary.log",
    benchmark:
        "results/benchmarks/routing_heatmap_summary.jsonl"
    params:
        script="routing_heatmap_summary",
        code=script_code("routing_heatmap_summary"),
        strategies=COMPARED,
        tokens=study.tokens,


use rule expert_load as token_routing with:
    """Token routing: a text coloured by the expert that each token chooses first."""
    input:
        "results/analysis/excerpt.csv",
    output:
        pdf="results/analysis/token_routing.pdf",
        png=report(
            "results/analysis/token_routing.png",
            category="Analysis",
            labels={"figure": "token routing"},
            caption="../report/captions/token_routing.rst",
        ),
    log:
        "results/logs/token_routing.log",
    benchmark:
        "results/benchmarks/token_routing.jsonl"
    params:
        script="token_routing",
        code=script_code("token_routing"),
        strategies=HEADLINE,
        tokens=study.tokens,


use rule expert_load as class_preference with:
    """Class preference: which expert tokens of each class choose first."""
    input:
        "results/analysis/class_preference.csv",
    output:
        pdf="results/analysis/class_preference.pdf",
        png=report(
            "results/analysis/class_preference.png",
            category="Analysis",
            labels={"figure": "class preference"},
            caption="../report/captions/class_preference.rst",
        ),
    log:
        "results/logs/class_preference.log",
    benchmark:
        "results/benchmarks/class_preference.jsonl"
    params:
        script="class_preference",
        code=script_code("class_preference"),
        strategies=HEADLINE,
        tokens=study.tokens,


use rule expert_load as specialisation with:
    """Specialisation: what the expert tells of a token, beside chance."""
    input:
        "results/analysis/specialisation.csv",
    output:
        pdf="results/analysis/specialisation.pdf",
        png=report(
            "results/analysis/specialisation.png",
            category="Analysis",
            labels={"figure": "specialisation"},
            caption="../report/captions/specialisation.rst",
        ),
    log:
        "results/logs/specialisation.log",
    benchmark:
        "results/benchmarks/specialisation.jsonl"
    params:
        script="specialisation",
        code=script_code("specialisation"),
        strategies=COMPARED,
        tokens=study.tokens,


use rule expert_load as coactivation with:
    """Co-activation: how often a token that has one expert also has another."""
    input:
        "results/analysis/coactivation.csv",
    output:
        pdf="results/analysis/coactivation.pdf",
        png=report(
            "results/analysis/coactivation.png",
            category="Analysis",
            labels={"figure": "co-activation"},
            caption="../report/captions/coactivation.rst",
        ),
    log:
        "results/logs/coactivation.log",
    benchmark:
        "results/benchmarks/coactivation.jsonl"
    params:
        script="coactivation",
        code=script_code("coactivation"),
        strategies=COMPARED,
        tokens=study.tokens,


use rule expert_load as routing_stability with:
    """Stability: whether routers of other seeds and strategies part tokens alike."""
    input:
        "results/analysis/stability.csv",
    output:
        pdf="results/analysis/stability.pdf",
        png=report(
            "results/analysis/stability.png",
            category="Analysis",
            labels={"figure": "stability"},
            caption="../report/captions/routing_stability.rst",
        ),
    log:
        "results/logs/routing_stability.log",
    benchmark:
        "results/benchmarks/routing_stability.jsonl"
    params:
        script="routing_stability",
        code=script_code("routing_stability"),
        strategies=COMPARED,
        tokens=study.tokens,


use rule expert_load as vocabulary with:
    """Vocabulary: how much more of a token goes to its favourite expert."""
    input:
        "results/analysis/vocabulary.csv",
    output:
        pdf="results/analysis/vocabulary.pdf",
        png=report(
            "results/analysis/vocabulary.png",
            category="Analysis",
            labels={"figure": "vocabulary"},
            caption="../report/captions/vocabulary.rst",
        ),
    log:
        "results/logs/vocabulary.log",
    benchmark:
        "results/benchmarks/vocabulary.jsonl"
    params:
        script="vocabulary",
        code=script_code("vocabulary"),
        strategies=HEADLINE,
        tokens=study.tokens,


use rule frontier as kernel_times with:
    """Stages of routing as a share of the rate of a copy."""
    input:
        "results/kernels/router_kernels.csv",
    output:
        pdf="results/kernels/kernel_times.pdf",
        png=report(
            "results/kernels/kernel_times.png",
            category="kernels",
            labels={"figure": "stages of routing"},
            caption="../report/captions/kernel_times.rst",
        ),
    log:
        "results/logs/kernel_times.log",
    benchmark:
        "results/benchmarks/kernel_times.jsonl"
    params:
        script="kernel_times",
        code=script_code("kernel_times"),


use rule frontier as layer_stages with:
    """Where the time of a layer goes."""
    input:
        "results/kernels/layer_profile.csv",
    output:
        pdf="results/kernels/layer_stages.pdf",
        png=report(
            "results/kernels/layer_stages.png",
            category="kernels",
            labels={"figure": "time by stage"},
            caption="../report/captions/layer_stages.rst",
        ),
    log:
        "results/logs/layer_stages.log",
    benchmark:
        "results/benchmarks/layer_stages.jsonl"
    params:
        script="layer_stages",
        code=script_code("layer_stages"),


use rule frontier as layer_memory with:
    """Peak memory by capacity factor."""
    input:
        "results/kernels/layer_memory.csv",
    output:
        pdf="results/kernels/layer_memory.pdf",
        png=report(
            "results/kernels/layer_memory.png",
            category="kernels",
            labels={"figure": "memory by capacity factor"},
            caption="../report/captions/layer_memory.rst",
        ),
    log:
        "results/logs/layer_memory.log",
    benchmark:
        "results/benchmarks/layer_memory.jsonl"
    params:
        script="layer_memory",
        code=script_code("layer_memory"),
