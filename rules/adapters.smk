use rule corpus as telegrams with:
    """Write the generator's stories as telegrams, split as stories are."""
    input:
        [],
    output:
        train="results/data/telegrams/train.jsonl",
        valid="results/data/telegrams/valid.jsonl",
        test="results/data/telegrams/test.jsonl",
    log:
        "results/logs/telegrams.log",
    benchmark:
        "results/benchmarks/telegrams.jsonl"
    params:
        spec=telegrams_spec(study),
        code=script_code("corpus"),
        folder=subpath(output.train, parent=True),


use rule tokens as telegram_tokens with:
    """Encode the telegrams with the tokenizer of a base."""
    input:
        train="results/data/telegrams/train.jsonl",
        valid="results/data/telegrams/valid.jsonl",
        test="results/data/telegrams/test.jsonl",
        tokenizer="results/tokens/{tokens}/tokenizer.json",
    output:
        train="results/tokens/telegrams-{tokens}/train.bin",
        valid="results/tokens/telegrams-{tokens}/valid.bin",
        test="results/tokens/telegrams-{tokens}/test.bin",
        meta="results/tokens/telegrams-{tokens}/meta.json",
    log:
        "results/logs/telegram_tokens/{tokens}.log",
    benchmark:
        "results/benchmarks/telegram_tokens/{tokens}.jsonl"


rule questions:
    """Read questions of multiple choice and split them."""
    input:
        files=question_files,
    output:
        train="results/data/questions/train.jsonl",
        valid="results/data/questions/valid.jsonl",
        test="results/data/questions/test.jsonl",
    log:
        "results/logs/questions.log",
    benchmark:
        "results/benchmarks/questions.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=60,
        mem_mb=2000,
        gpu=0,
    params:
        spec=commonsense_spec(study),
        code=script_code("questions"),
        folder=subpath(output.train, parent=True),
    shell:
        "python -m workflow_scripts.questions --spec {params.spec:q} "
        "--folder {params.folder:q} 2>&1 | tee {log:q}"


rule adapt:
    """Train the adapters of one row on their frozen base."""
    input:
        meta=tokens_meta,
        splits=tokens_splits,
        data=adapter_data,
        base=base_of_adapters,
        base_summary=summary_of_base,
    output:
        metrics="results/runs/{run}/metrics.jsonl",
        summary="results/runs/{run}/summary.json",
        stories="results/runs/{run}/stories.csv",
        weights="results/runs/{run}/weights.safetensors",
    log:
        "results/logs/adapt/{run}.log",
    benchmark:
        "results/benchmarks/adapt/{run}.jsonl"
    wildcard_constraints:
        run=ADAPTED,
    # as train has them
    retries: 3
    conda:
        "../envs/bench.yaml"
    threads: run_threads
    resources:
        runtime=24 * 60,
        mem_mb=adapter_memory,
        gpu=lambda wildcards: GPU * row_of(wildcards).world_size,
        on_devices=on_devices,
        checkpoint_seconds=str(study.config.execution.checkpoint_seconds),
    params:
        spec=run_spec,
        code=adapter_code,
        tokens=subpath(input.meta, parent=True),
        data=lambda wildcards: os.path.dirname(adapter_data(wildcards)[0]),
        folder=subpath(output.summary, parent=True),
    shell:
        "trap : TERM INT; {resources.on_devices}"
        "python -m workflow_scripts.adapt --spec {params.spec:q} "
        "--code {params.code} --checkpoint-seconds {resources.checkpoint_seconds} "
        "--tokens {params.tokens:q} --data {params.data:q} --base {input.base:q} "
        "--folder {params.folder:q} 2>&1 "
        "| (trap '' TERM INT PIPE; exec tee {log:q})"


rule perft_runs:
    """One row a run of adapters."""
    input:
        runs=run_files(study.perft, "summary.json"),
        metrics=run_files(study.perft, "metrics.jsonl"),
    output:
        csv=report(
            "results/perft/runs.csv",
            category="perft",
            labels={"table": "one row a run"},
            caption="../report/captions/perft_runs.rst",
        ),
    log:
        "results/logs/perft_runs.log",
    benchmark:
        "results/benchmarks/perft_runs.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        matched=canonical_json(study.matched),
        code=script_code("perft_runs"),
    shell:
        "python -m workflow_scripts.perft_runs --runs {input.runs:q} "
        "--matched {params.matched:q} --out {output.csv:q} 2>&1 | tee {log:q}"


use rule perft_runs as perft_rate_runs with:
    """One row a run that tunes a rate."""
    input:
        runs=run_files(study.adapter_rates, "summary.json"),
        metrics=run_files(study.adapter_rates, "metrics.jsonl"),
    output:
        csv="results/perft/rate_runs.csv",
    log:
        "results/logs/perft_rate_runs.log",
    benchmark:
        "results/benchmarks/perft_rate_runs.jsonl"


use rule learning_rate_choice as perft_rates with:
    """The best rate of each method on tuning seeds, and whether it sits on the grid's edge."""
    input:
        summary="results/perft/rate_runs.csv",
    output:
        csv="results/perft/rates.csv",
    log:
        "results/logs/perft_rates.log",
    benchmark:
        "results/benchmarks/perft_rates.jsonl"
    params:
        factors=study.config.experiments.perft.learning_rate_factors,
        named_by=["strategy"],
        code=script_code("learning_rate_choice"),


rule perft_arms:
    """One row an arm of adapters: means over paired seeds with 95 % intervals."""
    input:
        table="results/perft/runs.csv",
        stories=run_files(study.perft, "stories.csv"),
    output:
        csv=report(
            "results/perft/arms.csv",
            category="perft",
            labels={"table": "one row an arm"},
            caption="../report/captions/perft_arms.rst",
        ),
    log:
        "results/logs/perft_arms.log",
    benchmark:
        "results/benchmarks/perft_arms.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("perft_arms"),
    shell:
        "python -m workflow_scripts.perft_arms --table {input.table:q} --runs results/runs "
        "--out {output.csv:q} 2>&1 | tee {log:q}"
