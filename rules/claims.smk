rule ledger:
    """Judge every claim by its rule, and flag verdicts that differ from the stored ledger."""
    input:
        claims="claims.yaml",
        summaries=expand(
            "results/{experiment}/summary.csv", experiment=study.experiments
        ),
        perft="results/perft/runs.csv",
        precision="results/precision/runs.csv",
        stories=run_files(
            sorted({run for runs in study.experiments.values() for run in runs})
            + study.perft
            + list(study.vision),
            "stories.csv",
        ),
        rounded=rounded_files("stories.csv"),
        vision="results/vision/summary.csv",
        specialisation="results/vision/specialisation.csv",
        audits=["results/audits/audits.csv", "results/vision/audits.csv"],
        analysis="results/analysis/summary.csv",
        facts=FACTS,
        stored=[path for path in [STORED_LEDGER] if Path(path).exists()],
    output:
        csv=report(
            "results/claims/ledger.csv",
            category="Claims",
            labels={"table": "ledger"},
            caption="../report/captions/ledger.rst",
        ),
    log:
        "results/logs/ledger.log",
    benchmark:
        "results/benchmarks/ledger.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=30,
        mem_mb=2000,
        gpu=0,
    params:
        smoke=str(study.scale.smoke).lower(),
        named=[
            *expand(
                "{experiment}=results/{experiment}/summary.csv",
                experiment=study.experiments,
            ),
            "perft=results/perft/runs.csv",
            "precision=results/precision/runs.csv",
            "vision=results/vision/summary.csv",
        ],
        code=script_code("ledger"),
    shell:
        "python -m workflow_scripts.ledger --claims {input.claims:q} "
        "--summary {params.named:q} --stories {input.stories:q} {input.rounded:q} --audits {input.audits:q} "
        "--analysis {input.analysis:q} --specialisation {input.specialisation:q} --facts {input.facts:q} "
        "--stored {input.stored:q} --smoke {params.smoke} --out {output.csv:q} "
        "2>&1 | tee {log:q}"
