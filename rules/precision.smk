rule router_precision:
    """Read a trained run on test stories with its routers in each precision."""
    input:
        meta=tokens_meta,
        splits=tokens_splits,
        weights="results/runs/{run}/weights.safetensors",
        summary="results/runs/{run}/summary.json",
    output:
        stories=expand(
            "results/precision/{{run}}@{precision}/stories.csv",
            precision=ROUTER_PRECISIONS,
        ),
        flips="results/precision/{run}/flips.csv",
    log:
        "results/logs/router_precision/{run}.log",
    benchmark:
        "results/benchmarks/router_precision/{run}.jsonl"
    wildcard_constraints:
        run=OF_TEXT,
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=60,
        mem_mb=4000,
        gpu=0,
    params:
        code=precision_code,
        tokens=subpath(input.meta, parent=True),
        folder=subpath(input.summary, parent=True),
    shell:
        "python -m workflow_scripts.router_precision --run {params.folder:q} "
        "--tokens {params.tokens:q} --stories {output.stories:q} --flips {output.flips:q} "
        "2>&1 | tee {log:q}"


rule precision_runs:
    """One row a run and router precision, and the counts of choices that change."""
    input:
        summary="results/unified/summary.csv",
        stories=rounded_files("stories.csv"),
        flips=expand("results/precision/{run}/flips.csv", run=study.learned),
    output:
        csv=report(
            "results/precision/runs.csv",
            category="precision",
            labels={"table": "one row a run and precision"},
            caption="../report/captions/precision.rst",
        ),
        flips="results/precision/flips.csv",
    log:
        "results/logs/precision_runs.log",
    benchmark:
        "results/benchmarks/precision_runs.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        runs=study.learned,
        code=script_code("precision_runs"),
        folder=subpath(output.csv, parent=True),
    shell:
        "python -m workflow_scripts.precision_runs --summary {input.summary:q} "
        "--runs {params.runs:q} --folder {params.folder:q} --out {output.csv:q} "
        "--flips {output.flips:q} 2>&1 | tee {log:q}"


rule precision_arms:
    """One row a cell and lower precision: change of bits per byte, and choices that change."""
    input:
        table="results/precision/runs.csv",
        stories=rounded_files("stories.csv"),
    output:
        csv=report(
            "results/precision/arms.csv",
            category="precision",
            labels={"table": "one row an arm"},
            caption="../report/captions/precision.rst",
        ),
    log:
        "results/logs/precision_arms.log",
    benchmark:
        "results/benchmarks/precision_arms.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("precision_arms"),
        folder=subpath(output.csv, parent=True),
    shell:
        "python -m workflow_scripts.precision_arms --table {input.table:q} "
        "--folder {params.folder:q} --out {output.csv:q} 2>&1 | tee {log:q}"


rule precision_speed:
    """Time the products of a router in each precision, with all cores to itself."""
    output:
        csv="results/precision/speed.csv",
    log:
        "results/logs/precision_speed.log",
    benchmark:
        "results/benchmarks/precision_speed.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: ALL_CORES
    resources:
        runtime=60,
        mem_mb=4000,
        gpu=WHOLE_GPU,
        on_devices=ON_WHOLE_DEVICE,
    params:
        spec=precision_speed_spec(study),
        code=script_code("precision_speed"),
    shell:
        "{resources.on_devices}python -m workflow_scripts.precision_speed --spec {params.spec:q} "
        "--threads {threads} --out {output.csv:q} 2>&1 | tee {log:q}"


use rule frontier as precision_flips with:
    """Routers in lower precision: bits per byte, choices that change, and at which margins."""
    input:
        arms="results/precision/arms.csv",
        flips="results/precision/flips.csv",
    output:
        pdf="results/precision/precision_flips.pdf",
        png=report(
            "results/precision/precision_flips.png",
            category="precision",
            labels={"figure": "choices that change"},
            caption="../report/captions/precision.rst",
        ),
    log:
        "results/logs/precision_flips.log",
    benchmark:
        "results/benchmarks/precision_flips.jsonl"
    params:
        script="precision_flips",
        code=script_code("precision_flips"),


use rule ledger_table as precision_table with:
    """Typeset routers in lower precision."""
    input:
        "results/precision/arms.csv",
    output:
        tex="results/report/precision_table.tex",
    log:
        "results/logs/precision_table.log",
    benchmark:
        "results/benchmarks/precision_table.jsonl"
    params:
        script="precision_table",
        code=script_code("precision_table"),
