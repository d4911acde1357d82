rule corpus:
    """Write the stories of the configured source as train, valid and test."""
    input:
        files=corpus_files,
    output:
        train=f"{CORPUS}/train.jsonl",
        valid=f"{CORPUS}/valid.jsonl",
        test=f"{CORPUS}/test.jsonl",
    log:
        "results/logs/corpus.log",
    benchmark:
        "results/benchmarks/corpus.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=120,
        mem_mb=2000,
        gpu=0,
    params:
        spec=corpus_spec(study.config.corpus),
        code=script_code("corpus"),
        folder=subpath(output.train, parent=True),
    shell:
        "python -m workflow_scripts.corpus --spec {params.spec:q} --folder {params.folder:q} "
        "2>&1 | tee {log:q}"


rule tokenizer:
    """Make the tokenizer from the training split, or fetch a pretrained one."""
    input:
        tokenizer_file,
        train=f"{CORPUS}/train.jsonl",
    output:
        tokenizer="results/tokens/{tokens}/tokenizer.json",
    log:
        "results/logs/tokenizer/{tokens}.log",
    benchmark:
        "results/benchmarks/tokenizer/{tokens}.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 2
    resources:
        runtime=60,
        mem_mb=4000,
        gpu=0,
    params:
        spec=tokenizer_of,
        code=script_code("tokenizer"),
    shell:
        "python -m workflow_scripts.tokenizer --spec {params.spec:q} --train {input.train:q} "
        "--out {output.tokenizer:q} 2>&1 | tee {log:q}"


rule tokens:
    """Encode all splits as flat integer arrays, with meta.json beside them."""
    input:
        train=f"{CORPUS}/train.jsonl",
        valid=f"{CORPUS}/valid.jsonl",
        test=f"{CORPUS}/test.jsonl",
        tokenizer="results/tokens/{tokens}/tokenizer.json",
    output:
        train="results/tokens/{tokens}/train.bin",
        valid="results/tokens/{tokens}/valid.bin",
        test="results/tokens/{tokens}/test.bin",
        meta="results/tokens/{tokens}/meta.json",
    log:
        "results/logs/tokens/{tokens}.log",
    benchmark:
        "results/benchmarks/tokens/{tokens}.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 2
    resources:
        runtime=120,
        mem_mb=1000,
        gpu=0,
    params:
        code=script_code("tokens"),
        corpus=subpath(input.train, parent=True),
        folder=subpath(output.meta, parent=True),
    shell:
        "python -m workflow_scripts.tokens --corpus {params.corpus:q} "
        "--tokenizer {input.tokenizer:q} --folder {params.folder:q} 2>&1 | tee {log:q}"
