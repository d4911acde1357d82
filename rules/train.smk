rule train:
    """Train one run of the table: metrics, summary, weights."""
    input:
        meta=tokens_meta,
        splits=tokens_splits,
    output:
        metrics="results/runs/{run}/metrics.jsonl",
        summary="results/runs/{run}/summary.json",
        stories="results/runs/{run}/stories.csv",
        weights="results/runs/{run}/weights.safetensors",
    log:
        "results/logs/train/{run}.log",
    benchmark:
        "results/benchmarks/train/{run}.jsonl"
    wildcard_constraints:
        run=OF_TEXT,
    # one that runs out of memory goes on in smaller parts; a cluster grants more each time
    retries: 3
    conda:
        "../envs/bench.yaml"
    threads: run_threads
    resources:
        runtime=24 * 60,
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        gpu=lambda wildcards: GPU * row_of(wildcards).world_size,
        on_devices=on_devices,
        # how jobs are run makes no run stale, so it is no parameter
        checkpoint_seconds=str(study.config.execution.checkpoint_seconds),
    params:
        spec=run_spec,
        code=run_code,
        module="train",
        option="--tokens",
        data=subpath(input.meta, parent=True),
        folder=subpath(output.summary, parent=True),
    # a signal to the whole job is for the trainer: shell and log wait until its checkpoint is written
    shell:
        "trap : TERM INT; {resources.on_devices}"
        "python -m workflow_scripts.{params.module:q} --spec {params.spec:q} "
        "--code {params.code} --checkpoint-seconds {resources.checkpoint_seconds} "
        "{params.option:q} {params.data:q} --folder {params.folder:q} 2>&1 "
        "| (trap '' TERM INT PIPE; exec tee {log:q})"


rule ngram:
    """Fit the interpolated n-gram control and read it on the same test stories."""
    input:
        train="results/tokens/{tokens}/train.bin",
        test="results/tokens/{tokens}/test.bin",
        meta="results/tokens/{tokens}/meta.json",
    output:
        ngram="results/ngram/{tokens}.json",
    log:
        "results/logs/ngram/{tokens}.log",
    benchmark:
        "results/benchmarks/ngram/{tokens}.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=60,
        mem_mb=4000,
        gpu=0,
    params:
        spec=ngram_spec(study),
        code=script_code("ngram"),
        tokens=subpath(input.meta, parent=True),
    shell:
        "python -m workflow_scripts.ngram --spec {params.spec:q} --tokens {params.tokens:q} "
        "--out {output.ngram:q} 2>&1 | tee {log:q}"
