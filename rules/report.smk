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
        analysis="results/analysis/summary.csv",
        kernel_facts="results/kernels/kernel_facts.csv",
        layer_facts="results/kernels/layer_facts.csv",
        expert_parallel_facts="results/expert_parallel/facts.csv",
        precision_flips="results/precision/flips.csv",
        precision_speed="results/precision/speed.csv",
        image_meta=f"{IMAGES}/meta.json",
        vision_arms="results/vision/arms.csv",
        vision_summary="results/vision/summary.csv",
        vision_specialisation="results/vision/specialisation.csv",
        vision_cost="results/vision/cost.csv",
        vision_facts="results/vision/facts.csv",
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
        "--costs_of_adapters {input.costs_of_adapters:q} --analysis {input.analysis:q} "
        "--kernel_facts {input.kernel_facts:q} --layer_facts {input.layer_facts:q} "
        "--expert_parallel_facts {input.expert_parallel_facts:q} "
        "--precision_flips {input.precision_flips:q} --precision_speed {input.precision_speed:q} "
        "--image_meta {input.image_meta:q} "
        "--vision_arms {input.vision_arms:q} --vision_summary {input.vision_summary:q} "
        "--vision_specialisation {input.vision_specialisation:q} "
        "--vision_cost {input.vision_cost:q} --vision_facts {input.vision_facts:q} "
        "--out {output.json:q} 2>&1 | tee {log:q}"


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


use rule ledger_table as kernels_table with:
    """Typeset the times of the stages of routing."""
    input:
        "results/kernels/router_kernels.csv",
    output:
        tex="results/report/kernels_table.tex",
    log:
        "results/logs/kernels_table.log",
    benchmark:
        "results/benchmarks/kernels_table.jsonl"
    params:
        script="kernels_table",
        code=script_code("kernels_table"),


use rule ledger_table as vision_table with:
    """Typeset the arms of image models."""
    input:
        "results/vision/arms.csv",
    output:
        tex="results/report/vision_table.tex",
    log:
        "results/logs/vision_table.log",
    benchmark:
        "results/benchmarks/vision_table.jsonl"
    params:
        script="vision_table",
        code=script_code("vision_table"),


use rule ledger_table as vision_balance_table with:
    """Typeset what balances a mixture of CNNs, and what its gate tells of classes."""
    input:
        "results/vision/arms.csv",
        "results/vision/specialisation.csv",
    output:
        tex="results/report/vision_balance_table.tex",
    log:
        "results/logs/vision_balance_table.log",
    benchmark:
        "results/benchmarks/vision_balance_table.jsonl"
    params:
        script="vision_balance_table",
        code=script_code("vision_balance_table"),


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
            "results/report/kernels_table.tex",
            expand("results/kernels/{figure}.pdf", figure=KERNEL_FIGURES),
            "results/report/vision_table.tex",
            "results/report/vision_balance_table.tex",
            expand("results/vision/vision_{figure}.pdf", figure=VISION_FIGURES),
            "results/report/precision_table.tex",
            "results/precision/precision_flips.pdf",
            "results/expert_parallel/scaling.pdf",
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


rule claim_lines:
    r"""State each claim for the slides, with its verdict and what was found: \defclaim."""
    input:
        table="results/claims/ledger.csv",
        claims="claims.yaml",
    output:
        tex="results/report/claim_lines.tex",
    log:
        "results/logs/claim_lines.log",
    benchmark:
        "results/benchmarks/claim_lines.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("claim_lines"),
    shell:
        "python -m workflow_scripts.claim_lines --table {input.table:q} --claims {input.claims:q} "
        "--out {output.tex:q} 2>&1 | tee {log:q}"


rule claim_pages:
    """Typeset the ledger as frames of the slides, and its verdicts as a table."""
    input:
        table="results/claims/ledger.csv",
    output:
        pages="results/report/claim_pages.tex",
        counts="results/report/claim_counts.tex",
    log:
        "results/logs/claim_pages.log",
    benchmark:
        "results/benchmarks/claim_pages.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("claim_pages"),
    shell:
        "python -m workflow_scripts.claim_pages --table {input.table:q} "
        "--pages {output.pages:q} --counts {output.counts:q} 2>&1 | tee {log:q}"


rule causality_table:
    """Typeset which strategies read later tokens, and what that gains them."""
    input:
        audits="results/audits/audits.csv",
        aggregate="results/unified/aggregate.csv",
    output:
        tex="results/report/causality_table.tex",
    log:
        "results/logs/causality_table.log",
    benchmark:
        "results/benchmarks/causality_table.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("causality_table"),
    shell:
        "python -m workflow_scripts.causality_table --audits {input.audits:q} "
        "--aggregate {input.aggregate:q} --out {output.tex:q} 2>&1 | tee {log:q}"


use rule ledger_table as load_table with:
    """Typeset load and drops of each strategy."""
    input:
        "results/unified/aggregate.csv",
    output:
        tex="results/report/load_table.tex",
    log:
        "results/logs/load_table.log",
    benchmark:
        "results/benchmarks/load_table.jsonl"
    params:
        script="load_table",
        code=script_code("load_table"),


use rule ledger_table as specialisation_table with:
    """Typeset what the routers of each strategy specialise in."""
    input:
        "results/analysis/summary.csv",
    output:
        tex="results/report/specialisation_table.tex",
    log:
        "results/logs/specialisation_table.log",
    benchmark:
        "results/benchmarks/specialisation_table.jsonl"
    params:
        script="specialisation_table",
        code=script_code("specialisation_table"),


rule strategy_panels:
    """Draw how each strategy of the study routes a few tokens."""
    output:
        tex="results/report/strategy_panels.tex",
    log:
        "results/logs/strategy_panels.log",
    benchmark:
        "results/benchmarks/strategy_panels.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        strategies=study.config.experiments.unified.strategies,
        code=script_code(
            "strategy_panels", *study.config.experiments.unified.strategies
        ),
    shell:
        "python -m workflow_scripts.strategy_panels --names {params.strategies:q} "
        "--out {output.tex:q} 2>&1 | tee {log:q}"


rule token_dropping:
    """Draw which tokens get a slot and which are dropped."""
    output:
        tex="results/report/token_dropping.tex",
    log:
        "results/logs/token_dropping.log",
    benchmark:
        "results/benchmarks/token_dropping.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("token_dropping", "top1"),
    shell:
        "python -m workflow_scripts.token_dropping --out {output.tex:q} 2>&1 | tee {log:q}"


rule timeline:
    """Draw the papers of report/papers.yaml by year and trend."""
    input:
        papers="report/papers.yaml",
        references="report/references.bib",
    output:
        tex="results/report/timeline.tex",
    log:
        "results/logs/timeline.log",
    benchmark:
        "results/benchmarks/timeline.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=500,
        gpu=0,
    params:
        code=script_code("timeline"),
    shell:
        "python -m workflow_scripts.timeline --papers {input.papers:q} "
        "--references {input.references:q} --out {output.tex:q} 2>&1 | tee {log:q}"


rule pipeline_dag:
    """Draw the pipeline itself, from its rule graph and the files of its rules."""
    input:
        graph="docs/rulegraph.md",
    output:
        tex="results/report/pipeline_dag.tex",
    log:
        "results/logs/pipeline_dag.log",
    benchmark:
        "results/benchmarks/pipeline_dag.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=500,
        gpu=0,
    params:
        files=lambda wildcards: files_of_rules(),
        code=script_code("pipeline_dag"),
    shell:
        "python -m workflow_scripts.pipeline_dag --graph {input.graph:q} --files {params.files:q} "
        "--out {output.tex:q} 2>&1 | tee {log:q}"


rule slides_settings:
    """Write what config.yaml and the citation file say of the slides as TeX."""
    input:
        citation="CITATION.cff",
    output:
        tex="results/report/slides_settings.tex",
    log:
        "results/logs/slides_settings.log",
    benchmark:
        "results/benchmarks/slides_settings.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=500,
        gpu=0,
    params:
        slides=canonical_json(study.config.slides.model_dump()),
        code=script_code("slides_settings"),
    shell:
        "python -m workflow_scripts.slides_settings --slides {params.slides:q} "
        "--citation {input.citation:q} --out {output.tex:q} 2>&1 | tee {log:q}"


use rule routing_heatmap as slide_heatmap with:
    """Routing heatmap of few enough strategies to be read from afar."""
    input:
        "results/analysis/excerpt.csv",
    output:
        pdf="results/report/slide_heatmap.pdf",
        png="results/report/slide_heatmap.png",
    log:
        "results/logs/slide_heatmap.log",
    benchmark:
        "results/benchmarks/slide_heatmap.jsonl"
    params:
        script="routing_heatmap",
        code=script_code("routing_heatmap"),
        strategies=SHOWN,
        tokens=study.tokens,


use rule token_routing as slide_token_routing with:
    """Token routing of few enough strategies to be read from afar."""
    input:
        "results/analysis/excerpt.csv",
    output:
        pdf="results/report/slide_token_routing.pdf",
        png="results/report/slide_token_routing.png",
    log:
        "results/logs/slide_token_routing.log",
    benchmark:
        "results/benchmarks/slide_token_routing.jsonl"
    params:
        script="token_routing",
        code=script_code("token_routing"),
        strategies=SHOWN,
        tokens=study.tokens,


use rule report as slides with:
    """Compile the slides."""
    input:
        source=SLIDES_SOURCES,
        generated=[
            expand(
                "results/report/{name}.tex",
                name=[
                    "numbers",
                    "slides_settings",
                    "claim_lines",
                    "claim_pages",
                    "claim_counts",
                    "causality_table",
                    "load_table",
                    "specialisation_table",
                    "strategy_panels",
                    "token_dropping",
                    "timeline",
                    "pipeline_dag",
                ],
            ),
            "results/report/slide_heatmap.pdf",
            "results/report/slide_token_routing.pdf",
            "results/perft/perft_frontier.pdf",
            "results/vision/vision_frontier.pdf",
            "results/vision/vision_classes.pdf",
            "results/capacity/capacity_drop_rate.pdf",
            "results/capacity/capacity_tokens_per_s.pdf",
            expand(
                "results/unified/{figure}.pdf",
                figure=[
                    "frontier",
                    "frontier_annotated",
                    "overlay",
                    "load_quality",
                    "gate_balance",
                ],
            ),
            expand(
                "results/{sweep}/frontier.pdf",
                sweep=FRONTIERS,
            ),
            expand(
                "results/analysis/{figure}.pdf",
                figure=[
                    "expert_load",
                    "routing_heatmap_summary",
                    "class_preference",
                    "specialisation",
                    "saturation",
                    "stability",
                    "vocabulary",
                ],
            ),
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
