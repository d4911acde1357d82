from snakemake.utils import min_version

min_version("9.8")


include: "rules/common.smk"
include: "rules/start.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/images.smk"
include: "rules/bench.smk"
include: "rules/audit.smk"
include: "rules/summary.smk"
include: "rules/adapters.smk"
include: "rules/analysis.smk"
include: "rules/kernels.smk"
include: "rules/vision_cost.smk"
include: "rules/claims.smk"
include: "rules/figures.smk"
include: "rules/vision.smk"
include: "rules/expert_parallel.smk"
include: "rules/report.smk"
include: "rules/precision.smk"
include: "rules/explorer.smk"
include: "rules/export.smk"
include: "rules/collect.smk"
include: "rules/jobs.smk"
include: "rules/manifest.smk"
include: "rules/preview.smk"


# On a cluster these run where snakemake does and are no jobs of their own: what may fetch, as nodes
# often have no network, and what takes seconds, less than it takes to start a job.
localrules:
    corpus,
    telegrams,
    questions,
    images,
    tokenizer,
    summary,
    aggregate,
    learning_rate_choice,
    perft_runs,
    perft_rate_runs,
    perft_rates,
    perft_arms,
    precision_runs,
    precision_arms,
    vision_summary,
    vision_rate_runs,
    vision_rates,
    vision_arms,
    vision_tables,
    audits,
    analysis_summary,
    ledger,
    vision_frontier,
    vision_verdicts,
    frontier,
    perft_frontier,
    precision_flips,
    compute_figure,
    overlay,
    load_quality,
    ranking,
    sweep,
    vision_usage,
    vision_losses,
    vision_classes,
    vision_nearest,
    sweep_frontier,
    frontier_annotated,
    gate_balance,
    saturation,
    expert_load,
    routing_heatmap,
    routing_heatmap_summary,
    token_routing,
    class_preference,
    specialisation,
    coactivation,
    routing_stability,
    vocabulary,
    kernel_times,
    layer_stages,
    layer_memory,
    capacity_drop_rate,
    capacity_tokens_per_s,
    scaling,
    numbers,
    numbers_tex,
    tables,
    ledger_table,
    audit_table,
    perft_table,
    precision_table,
    adapter_cost_table,
    kernels_table,
    vision_table,
    vision_balance_table,
    published_table,
    compute_table,
    claim_lines,
    claim_pages,
    causality_table,
    load_table,
    specialisation_table,
    strategy_panels,
    token_dropping,
    timeline,
    pipeline_dag,
    slides_settings,
    slide_heatmap,
    slide_token_routing,
    manifest,
    report,
    slides,
    explorer_stories,
    exported_model,
    explorer,
    export,


rule all:
    """Every target (data, unified, experiments, perft, analysis, claims and so on), the manifest and the report."""
    default_target: True
    input:
        rules.data.input,
        rules.unified.input,
        rules.capacity.input,
        rules.experiments.input,
        rules.perft.input,
        rules.precision.input,
        rules.vision.input,
        rules.analysis.input,
        rules.kernels.input,
        rules.claims.input,
        rules.expert_parallel.input,
        rules.manifest.output,
        "report/report.pdf",
        "report/slides.pdf",
        "results/explorer/index.html",
