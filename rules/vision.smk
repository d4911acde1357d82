# runs of images that choose experts, and those of the mixture that is trained with each balance
ROUTED_IMAGES = [run for run, spec in study.vision.items() if spec.all_routing()]
BALANCED = study.config.experiments.vision.balanced
BALANCED_IMAGES = [
    run
    for run in ROUTED_IMAGES
    for moe in study.vision[run].all_routing()
    if (moe.strategy, moe.num_experts, moe.top_k)
    == (BALANCED.strategy, BALANCED.num_experts, BALANCED.top_k)
]


rule vision_summary:
    """One row an image run."""
    input:
        runs=run_files(study.vision, "summary.json"),
        metrics=run_files(study.vision, "metrics.jsonl"),
    output:
        csv=report(
            "results/vision/summary.csv",
            category="vision",
            labels={"table": "one row a run"},
            caption="../report/captions/vision_summary.rst",
        ),
    log:
        "results/logs/vision_summary.log",
    benchmark:
        "results/benchmarks/vision_summary.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("vision_summary"),
    shell:
        "python -m workflow_scripts.vision_summary --runs {input.runs:q} "
        "--out {output.csv:q} 2>&1 | tee {log:q}"


use rule vision_summary as vision_rate_runs with:
    """One row an image run that tunes a rate."""
    input:
        runs=run_files(study.vision_rates, "summary.json"),
        metrics=run_files(study.vision_rates, "metrics.jsonl"),
    output:
        csv="results/vision/rate_runs.csv",
    log:
        "results/logs/vision_rate_runs.log",
    benchmark:
        "results/benchmarks/vision_rate_runs.jsonl"


use rule learning_rate_choice as vision_rates with:
    """The best rate of each strategy on images and tuning seeds; whether it is the grid's edge."""
    input:
        summary="results/vision/rate_runs.csv",
    output:
        csv="results/vision/rates.csv",
    log:
        "results/logs/vision_rates.log",
    benchmark:
        "results/benchmarks/vision_rates.jsonl"
    params:
        factors=study.config.experiments.vision.learning_rate_factors,
        named_by=["strategy"],
        code=script_code("learning_rate_choice"),


rule vision_arms:
    """One row an arm of image models: means over paired seeds, and differences to dense twins."""
    input:
        table="results/vision/summary.csv",
        stories=run_files(study.vision, "stories.csv"),
    output:
        csv=report(
            "results/vision/arms.csv",
            category="vision",
            labels={"table": "one row an arm"},
            caption="../report/captions/vision_arms.rst",
        ),
    log:
        "results/logs/vision_arms.log",
    benchmark:
        "results/benchmarks/vision_arms.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=60,
        mem_mb=2000,
        gpu=0,
    params:
        code=script_code("vision_arms"),
    shell:
        "python -m workflow_scripts.vision_arms --table {input.table:q} --runs results/runs "
        "--out {output.csv:q} 2>&1 | tee {log:q}"


rule vision_routing:
    """Record which experts all image runs give the test images to, trained and untrained."""
    input:
        images=rules.images.output,
        meta=f"{IMAGES}/meta.json",
        runs=run_files(ROUTED_IMAGES, "summary.json"),
        weights=run_files(ROUTED_IMAGES, "weights.safetensors"),
    output:
        routing="results/vision/routing.parquet",
        nearest="results/vision/nearest.csv",
    log:
        "results/logs/vision_routing.log",
    benchmark:
        "results/benchmarks/vision_routing.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=240,
        mem_mb=4000,
        gpu=0,
    params:
        code=script_code(
            "vision_routing",
            *sorted(
                {
                    moe.strategy
                    for run in ROUTED_IMAGES
                    for moe in study.vision[run].all_routing()
                }
            ),
        ),
        images=subpath(input.meta, parent=True),
    shell:
        "python -m workflow_scripts.vision_routing --runs {input.runs:q} "
        "--images {params.images:q} --routing {output.routing:q} --nearest {output.nearest:q} "
        "2>&1 | tee {log:q}"


rule vision_tables:
    """Classes by expert, and what an image's first expert tells of its class."""
    input:
        summary="results/vision/summary.csv",
        routing="results/vision/routing.parquet",
        meta=f"{IMAGES}/meta.json",
    output:
        specialisation=report(
            "results/vision/specialisation.csv",
            category="vision",
            labels={"table": "specialisation"},
            caption="../report/captions/vision_tables.rst",
        ),
        classes="results/vision/class_expert.csv",
    log:
        "results/logs/vision_tables.log",
    benchmark:
        "results/benchmarks/vision_tables.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=60,
        mem_mb=2000,
        gpu=0,
    params:
        code=script_code("vision_tables"),
    shell:
        "python -m workflow_scripts.vision_tables --summary {input.summary:q} "
        "--routing {input.routing:q} --meta {input.meta:q} "
        "--specialisation {output.specialisation:q} --classes {output.classes:q} 2>&1 | tee {log:q}"


rule vision_usage:
    """Expert usage: share of images by first choice, by arm."""
    input:
        "results/vision/summary.csv",
    output:
        pdf="results/vision/vision_usage.pdf",
        png=report(
            "results/vision/vision_usage.png",
            category="vision",
            labels={"figure": "expert usage"},
            caption="../report/captions/vision_usage.rst",
        ),
    log:
        "results/logs/vision_usage.log",
    benchmark:
        "results/benchmarks/vision_usage.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        script="vision_usage",
        code=script_code("vision_usage"),
        balanced=canonical_json(BALANCED.model_dump()),
    # the script of a figure takes its files in the order of its input
    shell:
        "python -m workflow_scripts.{params.script} --table {input:q} "
        "--balanced {params.balanced:q} --pdf {output.pdf:q} --png {output.png:q} 2>&1 "
        "| tee {log:q}"


use rule vision_usage as vision_losses with:
    """Validation loss of each expert over steps, by balance."""
    input:
        "results/vision/summary.csv",
        run_files(BALANCED_IMAGES, "metrics.jsonl"),
    output:
        pdf="results/vision/vision_losses.pdf",
        png=report(
            "results/vision/vision_losses.png",
            category="vision",
            labels={"figure": "loss by expert"},
            caption="../report/captions/vision_losses.rst",
        ),
    log:
        "results/logs/vision_losses.log",
    benchmark:
        "results/benchmarks/vision_losses.jsonl"
    params:
        script="vision_losses",
        code=script_code("vision_losses"),
        balanced=canonical_json(BALANCED.model_dump()),


use rule vision_usage as vision_classes with:
    """Where the images of each class go, trained and untrained, by balance."""
    input:
        "results/vision/summary.csv",
        "results/vision/specialisation.csv",
        "results/vision/class_expert.csv",
    output:
        pdf="results/vision/vision_classes.pdf",
        png=report(
            "results/vision/vision_classes.png",
            category="vision",
            labels={"figure": "classes by expert"},
            caption="../report/captions/vision_classes.rst",
        ),
    log:
        "results/logs/vision_classes.log",
    benchmark:
        "results/benchmarks/vision_classes.jsonl"
    params:
        script="vision_classes",
        code=script_code("vision_classes"),
        balanced=canonical_json(BALANCED.model_dump()),


use rule vision_usage as vision_nearest with:
    """Test images nearest to the mean of each expert's, in the features of the gate."""
    input:
        "results/vision/summary.csv",
        "results/vision/class_expert.csv",
        "results/vision/nearest.csv",
        f"{IMAGES}/test.safetensors",
    output:
        pdf="results/vision/vision_nearest.pdf",
        png=report(
            "results/vision/vision_nearest.png",
            category="vision",
            labels={"figure": "nearest images"},
            caption="../report/captions/vision_nearest.rst",
        ),
    log:
        "results/logs/vision_nearest.log",
    benchmark:
        "results/benchmarks/vision_nearest.jsonl"
    params:
        script="vision_nearest",
        code=script_code("vision_nearest"),
        balanced=canonical_json(BALANCED.model_dump()),
