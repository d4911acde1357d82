# the first run of each routed cell at the usual capacity, in the order of the table
EXPLORED = [run for run in study.unified if run in study.excerpted]


rule explorer_stories:
    """Gather how each arm routes the first test stories, for the explorer."""
    input:
        expand("results/routing/{run}/trained.parquet", run=EXPLORED),
    output:
        json="results/explorer/stories.json",
    log:
        "results/logs/explorer_stories.log",
    benchmark:
        "results/benchmarks/explorer_stories.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=2000,
        gpu=0,
    params:
        named=expand("{run}=results/routing/{run}/trained.parquet", run=EXPLORED),
        code=script_code("explorer_stories"),
    shell:
        "python -m workflow_scripts.explorer_stories --routing {params.named:q} "
        "--out {output.json:q} 2>&1 | tee {log:q}"


rule exported_model:
    """Weights and vocabulary of a small run, with which a page routes sentences."""
    input:
        weights=f"results/runs/{study.exported}/weights.safetensors",
        summary=f"results/runs/{study.exported}/summary.json",
        tokenizer=f"results/tokens/{study.runs[study.exported].tokens}/tokenizer.json",
    output:
        json="results/explorer/model.json",
    log:
        "results/logs/exported_model.log",
    benchmark:
        "results/benchmarks/exported_model.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("exported_model"),
        folder=subpath(input.summary, parent=True),
        tokens=subpath(input.tokenizer, parent=True),
    shell:
        "python -m workflow_scripts.exported_model --run {params.folder:q} "
        "--tokens {params.tokens:q} --out {output.json:q} 2>&1 | tee {log:q}"


rule explorer:
    """Assemble the explorer page: one file, opened from disk, without network."""
    input:
        source=EXPLORER_SOURCES,
        runs=run_files(dict.fromkeys([*study.unified, study.exported]), "summary.json"),
        stories="results/explorer/stories.json",
        model="results/explorer/model.json",
        load="results/analysis/expert_load.csv",
        classes="results/analysis/class_preference.csv",
        summary="results/unified/summary.csv",
        ledger="results/claims/ledger.csv",
    output:
        html=report(
            "results/explorer/index.html",
            category="Explorer",
            labels={"page": "explorer"},
            caption="../report/captions/explorer.rst",
        ),
    log:
        "results/logs/explorer.log",
    benchmark:
        "results/benchmarks/explorer.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=2000,
        gpu=0,
    params:
        scale=study.config.scale,
        smoke=str(study.scale.smoke).lower(),
        code=script_code("explorer"),
    shell:
        "python -m workflow_scripts.explorer --source {input.source:q} --runs {input.runs:q} "
        "--scale {params.scale:q} --smoke {params.smoke} --stories {input.stories:q} "
        "--model {input.model:q} --load {input.load:q} --classes {input.classes:q} "
        "--summary {input.summary:q} --ledger {input.ledger:q} --out {output.html:q} "
        "2>&1 | tee {log:q}"
