rule data:
    """The corpus, split and tokenized."""
    input:
        rules.corpus.output,
        expand(rules.tokens.output, tokens=study.tokenizers),


rule unified:
    """The unified experiment: strategies x capacity factors x seeds, with controls."""
    input:
        "results/unified/summary.csv",
        "results/unified/aggregate.csv",
        multiext("results/unified/frontier", ".pdf", ".png"),
        multiext("results/unified/overlay", ".pdf", ".png"),
        multiext("results/unified/load_quality", ".pdf", ".png"),
        multiext("results/unified/ranking", ".pdf", ".png"),
        rules.frontier_annotated.output,
        rules.gate_balance.output,


rule capacity:
    """The capacity microbenchmark and its figures."""
    input:
        "results/capacity/microbench.csv",
        multiext("results/capacity/capacity_drop_rate", ".pdf", ".png"),
        multiext("results/capacity/capacity_tokens_per_s", ".pdf", ".png"),


rule compute:
    """Figures and table of the compute benchmark, from its stored results."""
    input:
        expand(rules.compute_figure.output, figure=COMPUTE_FIGURES),
        rules.compute_table.output,


rule experiments:
    """The experiments that change one thing at a time: CSVs and a figure each."""
    input:
        expand(
            "results/{sweep}/{file}.csv", sweep=SWEEPS, file=["summary", "aggregate"]
        ),
        expand(rules.sweep.output, sweep=SWEEPS),
        expand(rules.sweep_frontier.output, sweep=FRONTIERS),
        rules.learning_rate_choice.output,


rule analysis:
    """What routers decide at inference: recordings, tables and figures."""
    input:
        rules.routing_tables.output,
        rules.stability.output,
        rules.analysis_summary.output,
        rules.saturation.output,
        rules.expert_load.output,
        rules.routing_heatmap.output,
        rules.routing_heatmap_summary.output,
        rules.token_routing.output,
        rules.class_preference.output,
        rules.specialisation.output,
        rules.coactivation.output,
        rules.routing_stability.output,
        rules.vocabulary.output,


rule perft:
    """The experiment on adapters: its CSVs and its frontier."""
    input:
        rules.perft_runs.output,
        rules.perft_arms.output,
        rules.perft_rates.output if study.adapter_rates else [],
        multiext("results/perft/perft_frontier", ".pdf", ".png"),


rule kernels:
    """Stages of routing by implementation, layers by stage, memory by capacity: CSVs and figures."""
    input:
        rules.router_kernels.output,
        rules.layer_profile.output,
        rules.kernel_times.output,
        rules.layer_stages.output,
        rules.layer_memory.output,


rule expert_parallel:
    """Experts shared out over processes: CSVs and figure."""
    input:
        rules.expert_parallel_runs.output,
        rules.scaling.output,


rule precision:
    """Trained runs with routers in lower precision: CSVs, the speed of routers, figure and table."""
    input:
        rules.precision_runs.output,
        rules.precision_arms.output,
        rules.precision_speed.output,
        rules.precision_flips.output,
        rules.precision_table.output,


rule vision:
    """The experiment on images: its CSVs, figures, costs, audits and verdicts."""
    input:
        rules.vision_summary.output,
        rules.vision_arms.output,
        rules.vision_tables.output,
        rules.vision_usage.output,
        rules.vision_losses.output,
        rules.vision_classes.output,
        rules.vision_nearest.output,
        rules.vision_frontier.output,
        rules.vision_cost.output,
        rules.audit_images.output,
        rules.vision_verdicts.output,
        rules.vision_rates.output if study.vision_rates else [],


rule claims:
    """The audits of all routers and the ledger of claims."""
    input:
        "results/audits/audits.csv",
        "results/claims/ledger.csv",


rule report_inputs:
    """All that the report and the slides need, short of compiling them with TeX."""
    input:
        rules.unified.input,
        rules.capacity.input,
        rules.experiments.input,
        rules.perft.input,
        rules.precision.input,
        rules.vision.input,
        rules.analysis.input,
        rules.kernels.input,
        rules.expert_parallel.input,
        rules.claims.input,
        rules.report.input.generated,
        rules.slides.input.generated,
