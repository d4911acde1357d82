rule numbers:
    """Collect every number the report's text may cite, each with its sources."""
    input:
        aggregate="results/unified/aggregate.csv",
        summary="results/unified/summary.csv",
        microbench="results/capacity/microbench.csv",
        ngram=f"results/ngram/{study.tokens}.json",
        meta=f"{TOKENS}/meta.json",
        run=f"results/runs/{study.unified[0]}/summary.json",
        throughput=f"results/throughput/{study.shape_of[study.unified[0]]}.json",
        ledger="results/claims/ledger.csv",
        audits="results/audits/audits.csv",
        choice="results/learning_rate/choice.csv",
        adapters="results/perft/arms.csv",
        costs_of_adapters=COSTS_OF_ADAPTERS,
    output:
        json="results/report/numbers.json",
    log:
        "results/logs/numbers.log",
    benchmark:
        "results/benchmarks/numbers.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        spec=report_spec(study),
        code=script_code("numbers"),
    shell:
        "python -m workflow_scripts.numbers --spec {params.spec:q} "
        "--aggregate {input.aggregate:q} --summary {input.summary:q} "
        "--microbench {input.microbench:q} --ngram {input.ngram:q} --meta {input.meta:q} "
        "--run {input.run:q} --throughput {input.throughput:q} --ledger {input.ledger:q} "
        "--audits {input.audits:q} --choice {input.choice:q} --adapters {input.adapters:q} "
        "--costs_of_adapters {input.costs_of_adapters:q} --out {output.json:q} "
        "2>&1 | tee {log:q}"


rule numbers_tex:
    r"""Turn the numbers into TeX macros: \val{key}."""
    input:
        json="results/report/numbers.json",
    output:
        tex="results/report/numbers.tex",
    log:
        "results/logs/numbers_tex.log",
    benchmark:
        "results/benchmarks/numbers_tex.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=500,
        gpu=0,
    params:
        smoke=str(study.scale.smoke).lower(),
        code=script_code("numbers_tex"),
    shell:
        "python -m workflow_scripts.numbers_tex --json {input.json:q} --smoke {params.smoke} "
        "--out {output.tex:q} 2>&1 | tee {log:q}"


rule tables:
    """Typeset the tables of the report."""
    input:
        aggregate="results/unified/aggregate.csv",
    output:
        unified="results/report/unified_table.tex",
        strategies="results/report/strategy_table.tex",
    log:
        "results/logs/tables.log",
    benchmark:
        "results/benchmarks/tables.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        strategies=study.config.experiments.unified.strategies,
        code=script_code("tables", *study.config.experiments.unified.strategies),
    shell:
        "python -m workflow_scripts.tables --aggregate {input.aggregate:q} "
        "--names {params.strategies:q} --unified {output.unified:q} "
        "--strategies {output.strategies:q} 2>&1 | tee {log:q}"


rule ledger_table:
    """Typeset the claims ledger."""
    input:
        "results/claims/ledger.csv",
    output:
        tex="results/report/ledger_table.tex",
    log:
        "results/logs/ledger_table.log",
    benchmark:
        "results/benchmarks/ledger_table.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        script="ledger_table",
        code=script_code("ledger_table"),
    # the script of such a table takes what it typesets by --table
    shell:
        "python -m workflow_scripts.{params.script} --table {input:q} --out {output.tex:q} "
        "2>&1 | tee {log:q}"


use rule ledger_table as audit_table with:
    """Typeset the audits."""
    input:
        "results/audits/audits.csv",
    output:
        tex="results/report/audit_table.tex",
    log:
        "results/logs/audit_table.log",
    benchmark:
        "results/benchmarks/audit_table.jsonl"
    params:
        script="audit_table",
        code=script_code("audit_table"),


use rule ledger_table as perft_table with:
    """Typeset the arms of adapters."""
    input:
        "results/perft/arms.csv",
    output:
        tex="results/report/perft_table.tex",
    log:
        "results/logs/perft_table.log",
    benchmark:
        "results/benchmarks/perft_table.jsonl"
    params:
        script="perft_table",
        code=script_code("perft_table"),


use rule ledger_table as adapter_cost_table with:
    """Typeset what a step of each method costs, as measured apart and stored with the code."""
    input:
        COSTS_OF_ADAPTERS,
    output:
        tex="results/report/adapter_cost_table.tex",
    log:
        "results/logs/adapter_cost_table.log",
    benchmark:
        "results/benchmarks/adapter_cost_table.jsonl"
    params:
        script="adapter_cost_table",
        code=script_code("adapter_cost_table"),


use rule ledger_table as failures_table with:
    """Typeset the runs that failed: how, when, and the checkpoint that is left."""
    input:
        run_files(study.all_runs, "summary.json"),
    output:
        tex="results/report/failures_table.tex",
    log:
        "results/logs/failures_table.log",
    benchmark:
        "results/benchmarks/failures_table.jsonl"
    params:
        script="failures_table",
        code=script_code("failures_table"),


use rule ledger_table as published_table with:
    """Typeset the original's strategies as published beside ours."""
    input:
        "results/unified/aggregate.csv",
    output:
        tex="results/report/published_table.tex",
    log:
        "results/logs/published_table.log",
    benchmark:
        "results/benchmarks/published_table.jsonl"
    params:
        script="published_table",
        code=script_code("published_table"),


use rule ledger_table as compute_table with:
    """Typeset the compute core's targets and what was measured."""
    input:
        COMPUTE,
    output:
        tex="results/report/compute_table.tex",
    log:
        "results/logs/compute_table.log",
    benchmark:
        "results/benchmarks/compute_table.jsonl"
    params:
        script="compute_table",
        code=script_code("compute_table"),


rule report:
    """Compile the report."""
    input:
        source=REPORT_SOURCES,
        generated=[
            "results/report/numbers.tex",
            "results/report/unified_table.tex",
            "results/report/strategy_table.tex",
            "results/report/ledger_table.tex",
            "results/report/audit_table.tex",
            "results/report/failures_table.tex",
            "results/report/published_table.tex",
            "results/report/perft_table.tex",
            "results/report/adapter_cost_table.tex",
            "results/report/compute_table.tex",
            expand("results/compute/{figure}.pdf", figure=COMPUTE_FIGURES),
            "results/unified/ranking.pdf",
            expand("results/{sweep}/{sweep}.pdf", sweep=SWEEPS),
            "results/unified/frontier.pdf",
            "results/perft/perft_frontier.pdf",
            "results/unified/overlay.pdf",
            "results/unified/load_quality.pdf",
            "results/capacity/capacity_drop_rate.pdf",
            "results/capacity/capacity_tokens_per_s.pdf",
        ],
    output:
        pdf=report(
            "report/report.pdf",
            category="Report",
            labels={"document": "report"},
            caption="../report/captions/report.rst",
        ),
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.jsonl"
    conda:
        "../envs/tex.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("report"),
    shell:
        "python -m workflow_scripts.report --source {input.source:q} "
        "--generated {input.generated:q} --pdf {output.pdf:q} --log {log:q}"


use rule report as slides with:
    """Compile the slides."""
    input:
        source=["report/slides.tex"],
        generated=[
            "results/report/numbers.tex",
            "results/perft/perft_frontier.pdf",
        ],
    output:
        pdf=report(
            "report/slides.pdf",
            category="Report",
            labels={"document": "slides"},
            caption="../report/captions/slides.rst",
        ),
    log:
        "results/logs/slides.log",
    benchmark:
        "results/benchmarks/slides.jsonl"
