rule expert_parallel_runs:
    """Train a row with 1, 2 and 4 processes that share out its experts, machine to itself."""
    input:
        meta=f"{TOKENS}/meta.json",
        splits=expand(f"{TOKENS}/{{name}}", name=SPLIT_FILES),
    output:
        losses="results/expert_parallel/losses.csv",
        communication="results/expert_parallel/communication.csv",
        timing="results/expert_parallel/timing.csv",
        scaling="results/expert_parallel/scaling.csv",
        facts="results/expert_parallel/facts.csv",
    log:
        "results/logs/expert_parallel_runs.log",
    benchmark:
        "results/benchmarks/expert_parallel_runs.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: ALL_CORES
    resources:
        runtime=60,
        mem_mb=8000,
        gpu=WHOLE_GPU * SIDE_BY_SIDE,
        on_devices=on_whole_devices(SIDE_BY_SIDE),
    params:
        spec=expert_parallel_spec(study),
        seeds=study.scale.seeds[:2],
        code=script_code("expert_parallel_runs", "softk"),
        tokens=subpath(input.meta, parent=True),
        folder=subpath(output.facts, parent=True),
    shell:
        "{resources.on_devices}python -m workflow_scripts.expert_parallel_runs --spec {params.spec:q} "
        "--seeds {params.seeds:q} --tokens {params.tokens:q} --folder {params.folder:q} "
        "2>&1 | tee {log:q}"


use rule frontier as scaling with:
    """Shared-out experts: losses, bytes sent, and efficiency by a model."""
    input:
        rules.expert_parallel_runs.output.losses,
        rules.expert_parallel_runs.output.communication,
        rules.expert_parallel_runs.output.scaling,
    output:
        pdf="results/expert_parallel/scaling.pdf",
        png=report(
            "results/expert_parallel/scaling.png",
            category="expert_parallel",
            labels={"figure": "scaling"},
            caption="../report/captions/scaling.rst",
        ),
    log:
        "results/logs/scaling.log",
    benchmark:
        "results/benchmarks/scaling.jsonl"
    params:
        script="scaling",
        code=script_code("scaling"),
