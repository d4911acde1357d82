rule routing:
    """Record what the routers of a run decide on test stories, trained and untrained."""
    input:
        meta=tokens_meta,
        splits=tokens_splits,
        tokenizer=tokens_tokenizer,
        weights="results/runs/{run}/weights.safetensors",
        summary="results/runs/{run}/summary.json",
    output:
        trained="results/routing/{run}/trained.parquet",
        untrained="results/routing/{run}/untrained.parquet",
    log:
        "results/logs/routing/{run}.log",
    benchmark:
        "results/benchmarks/routing/{run}.jsonl"
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
        code=routing_code,
        tokens=subpath(input.meta, parent=True),
        folder=subpath(input.summary, parent=True),
    shell:
        "python -m workflow_scripts.routing --run {params.folder:q} --tokens {params.tokens:q} "
        "--trained {output.trained:q} --untrained {output.untrained:q} 2>&1 | tee {log:q}"


rule routing_tables:
    """Tables of what all routers decide: load, classes, information, company, vocabulary, a text."""
    input:
        summary=expand(
            "results/{experiment}/summary.csv", experiment=["unified", "subword"]
        ),
        routing=expand(
            "results/routing/{run}/{router}.parquet",
            run=study.analysed,
            router=["trained", "untrained"],
        ),
    output:
        expert_load=report(
            "results/analysis/expert_load.csv",
            category="Analysis",
            labels={"table": "expert load"},
            caption="../report/captions/analysis.rst",
        ),
        class_preference="results/analysis/class_preference.csv",
        specialisation="results/analysis/specialisation.csv",
        coactivation="results/analysis/coactivation.csv",
        vocabulary="results/analysis/vocabulary.csv",
        excerpt="results/analysis/excerpt.csv",
    log:
        "results/logs/routing_tables.log",
    benchmark:
        "results/benchmarks/routing_tables.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=240,
        mem_mb=8000,
        gpu=0,
    params:
        runs=study.analysed,
        excerpts=study.excerpted,
        subword=study.on_subwords,
        code=script_code("routing_tables"),
        folder=subpath(output.expert_load, parent=True),
    shell:
        "python -m workflow_scripts.routing_tables --summary {input.summary:q} --runs {params.runs:q} "
        "--excerpts {params.excerpts:q} --subword {params.subword:q} --routing results/routing "
        "--folder {params.folder:q} 2>&1 | tee {log:q}"


rule stability:
    """How far learned routers of two runs part the same tokens alike: of other seeds, strategies."""
    input:
        summary="results/unified/summary.csv",
        routing=expand(
            "results/routing/{run}/{router}.parquet",
            run=study.learned,
            router=["trained", "untrained"],
        ),
    output:
        csv="results/analysis/stability.csv",
    log:
        "results/logs/stability.log",
    benchmark:
        "results/benchmarks/stability.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=120,
        mem_mb=4000,
        gpu=0,
    params:
        runs=study.learned,
        code=script_code("stability"),
    shell:
        "python -m workflow_scripts.stability --summary {input.summary:q} --runs {params.runs:q} "
        "--routing results/routing --out {output.csv:q} 2>&1 | tee {log:q}"


rule analysis_summary:
    """One row an analysed run: how its routers specialise, and whom they agree with."""
    input:
        preference="results/analysis/class_preference.csv",
        specialisation="results/analysis/specialisation.csv",
        stability="results/analysis/stability.csv",
    output:
        csv=report(
            "results/analysis/summary.csv",
            category="Analysis",
            labels={"table": "one row a run"},
            caption="../report/captions/analysis_summary.rst",
        ),
    log:
        "results/logs/analysis_summary.log",
    benchmark:
        "results/benchmarks/analysis_summary.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("analysis_summary"),
    shell:
        "python -m workflow_scripts.analysis_summary --preference {input.preference:q} "
        "--specialisation {input.specialisation:q} --stability {input.stability:q} "
        "--out {output.csv:q} 2>&1 | tee {log:q}"
