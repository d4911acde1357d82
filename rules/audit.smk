rule audit:
    """Audit the routers of one trained run, as trained and adversarially skewed."""
    input:
        meta=tokens_meta,
        splits=tokens_splits,
        weights="results/runs/{run}/weights.safetensors",
        summary="results/runs/{run}/summary.json",
    output:
        csv="results/audits/runs/{run}.csv",
    log:
        "results/logs/audit/{run}.log",
    benchmark:
        "results/benchmarks/audit/{run}.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=60,
        mem_mb=4000,
        gpu=0,
    params:
        trials=study.scale.audit_trials,
        code=audit_code,
        tokens=subpath(input.meta, parent=True),
        folder=subpath(input.summary, parent=True),
    shell:
        "python -m workflow_scripts.audit --run {params.folder:q} --tokens {params.tokens:q} "
        "--trials {params.trials} --out {output.csv:q} 2>&1 | tee {log:q}"


rule audits:
    """All audits in one table. A strategy that fails what it declares to pass stops here."""
    input:
        csv=expand("results/audits/runs/{run}.csv", run=study.audited),
    output:
        csv=report(
            "results/audits/audits.csv",
            category="Audits",
            labels={"table": "audits"},
            caption="../report/captions/audits.rst",
        ),
    log:
        "results/logs/audits.log",
    benchmark:
        "results/benchmarks/audits.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("audits"),
    shell:
        "python -m workflow_scripts.audits --audits {input.csv:q} --out {output.csv:q} "
        "2>&1 | tee {log:q}"
