rule vision_cost:
    """Time inference of image models at batch sizes, with the machine to itself; count FLOPs."""
    input:
        images=IMAGE_FILES,
        meta=f"{IMAGES}/meta.json",
        summaries=run_files(list(study.vision), "summary.json"),
        weights=run_files(list(study.vision), "weights.safetensors"),
    output:
        csv=report(
            "results/vision/cost.csv",
            category="Images",
            labels={"table": "cost of inference"},
            caption="../report/captions/vision_cost.rst",
        ),
        facts="results/vision/facts.csv",
    log:
        "results/logs/vision_cost.log",
    benchmark:
        "results/benchmarks/vision_cost.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: ALL_CORES
    resources:
        runtime=60,
        mem_mb=4000,
        gpu=WHOLE_GPU,
        on_devices=ON_WHOLE_DEVICE,
    params:
        spec=vision_cost_spec(study),
        code=script_code("vision_cost", *image_strategies_used()),
        images=subpath(input.meta, parent=True),
        runs=[f"results/runs/{run}" for run in study.vision],
    shell:
        "{resources.on_devices}python -m workflow_scripts.vision_cost --spec {params.spec:q} "
        "--threads {threads} --images {params.images:q} --runs {params.runs:q} "
        "--out {output.csv:q} --facts {output.facts:q} 2>&1 | tee {log:q}"


rule vision_frontier:
    """Draw the accuracy of image models against FLOPs and latency."""
    input:
        arms="results/vision/arms.csv",
        cost="results/vision/cost.csv",
    output:
        pdf="results/vision/vision_frontier.pdf",
        png=report(
            "results/vision/vision_frontier.png",
            category="Images",
            labels={"figure": "frontier"},
            caption="../report/captions/vision_frontier.rst",
        ),
    log:
        "results/logs/vision_frontier.log",
    benchmark:
        "results/benchmarks/vision_frontier.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("vision_frontier", *image_strategies_used()),
    shell:
        "python -m workflow_scripts.vision_frontier --arms {input.arms:q} --cost {input.cost:q} "
        "--pdf {output.pdf:q} --png {output.png:q} 2>&1 | tee {log:q}"


rule audit_images:
    """Audit image models, a run a cell. One that fails what it declares to pass stops here."""
    input:
        images=IMAGE_FILES,
        meta=f"{IMAGES}/meta.json",
        summaries=run_files(study.audited_images, "summary.json"),
        weights=run_files(study.audited_images, "weights.safetensors"),
    output:
        csv=report(
            "results/vision/audits.csv",
            category="Images",
            labels={"table": "audits"},
            caption="../report/captions/audit_images.rst",
        ),
    log:
        "results/logs/audit_images.log",
    benchmark:
        "results/benchmarks/audit_images.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=60,
        mem_mb=4000,
        gpu=0,
    params:
        trials=study.scale.audit_trials,
        code=script_code("audit_images", *image_strategies_used()),
        images=subpath(input.meta, parent=True),
        runs=[f"results/runs/{run}" for run in study.audited_images],
    shell:
        "python -m workflow_scripts.audit_images --runs {params.runs:q} --images {params.images:q} "
        "--trials {params.trials} --out {output.csv:q} 2>&1 | tee {log:q}"


rule vision_verdicts:
    """Judge the claims that speak of images alone, as a family of their own."""
    input:
        claims="claims.yaml",
        summary="results/vision/summary.csv",
        specialisation="results/vision/specialisation.csv",
        audits="results/vision/audits.csv",
        stories=run_files(list(study.vision), "stories.csv"),
    output:
        csv=report(
            "results/vision/verdicts.csv",
            category="Images",
            labels={"table": "verdicts"},
            caption="../report/captions/vision_verdicts.rst",
        ),
    log:
        "results/logs/vision_verdicts.log",
    benchmark:
        "results/benchmarks/vision_verdicts.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        smoke=str(study.scale.smoke).lower(),
        code=script_code("vision_verdicts"),
    shell:
        "python -m workflow_scripts.vision_verdicts --claims {input.claims:q} "
        "--summary {input.summary:q} --specialisation {input.specialisation:q} "
        "--audits {input.audits:q} --stories {input.stories:q} --smoke {params.smoke} "
        "--out {output.csv:q} 2>&1 | tee {log:q}"
