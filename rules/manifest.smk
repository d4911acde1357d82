rule manifest:
    """What made these results: configuration, environments, and digests of tables and figures."""
    input:
        tables=[
            *expand(
                "results/{experiment}/{table}.csv",
                experiment=study.experiments,
                table=["summary", "aggregate"],
            ),
            "results/learning_rate/choice.csv",
            "results/audits/audits.csv",
            "results/claims/ledger.csv",
            "results/capacity/microbench.csv",
        ],
        figures=[
            *expand(
                "results/unified/{figure}.png",
                figure=["ranking", "frontier", "overlay", "load_quality"],
            ),
            *expand("results/{sweep}/{sweep}.png", sweep=SWEEPS),
            "results/capacity/capacity_drop_rate.png",
            "results/capacity/capacity_tokens_per_s.png",
        ],
        runs=run_files(study.runs, "summary.json"),
        meta=expand("results/tokens/{tokens}/meta.json", tokens=study.tokenizers),
    output:
        json="results/manifest.json",
    log:
        "results/logs/manifest.log",
    benchmark:
        "results/benchmarks/manifest.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        configuration=canonical_json(study.resolved()),
        code=script_code("manifest"),
    shell:
        "python -m workflow_scripts.manifest --configuration {params.configuration:q} "
        "--files {input.tables:q} {input.figures:q} --runs {input.runs:q} --meta {input.meta:q} "
        "--out {output.json:q} 2>&1 | tee {log:q}"
