rule throughput:
    """Time whole optimiser steps of one model shape, with all cores to itself."""
    input:
        meta=tokens_meta,
        splits=tokens_splits,
    output:
        throughput="results/throughput/{shape}.json",
    log:
        "results/logs/throughput/{shape}.log",
    benchmark:
        "results/benchmarks/throughput/{shape}.jsonl"
    conda:
        "../envs/bench.yaml"
    # all the cores there are, so that nothing else runs beside it
    threads: ALL_CORES
    resources:
        runtime=60,
        mem_mb=4000,
        gpu=WHOLE_GPU,
        on_devices=ON_WHOLE_DEVICE,
    params:
        spec=shape_spec,
        code=shape_code,
        tokens=subpath(input.meta, parent=True),
    shell:
        "{resources.on_devices}python -m workflow_scripts.throughput --spec {params.spec:q} "
        "--threads {threads} --tokens {params.tokens:q} --out {output.throughput:q} "
        "2>&1 | tee {log:q}"


rule router_logits:
    """Record the last router's logits of a trained run on test stories."""
    input:
        meta=f"{TOKENS}/meta.json",
        test=f"{TOKENS}/test.bin",
        weights="results/runs/{run}/weights.safetensors",
        summary="results/runs/{run}/summary.json",
    output:
        logits="results/capacity/router_logits/{run}.safetensors",
    log:
        "results/logs/router_logits/{run}.log",
    benchmark:
        "results/benchmarks/router_logits/{run}.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=30,
        mem_mb=4000,
        gpu=0,
    params:
        tokens_recorded=study.scale.capacity.tokens,
        code=script_code("router_logits", "softk"),
        tokens=subpath(input.meta, parent=True),
        folder=subpath(input.summary, parent=True),
    shell:
        "python -m workflow_scripts.router_logits --count {params.tokens_recorded} "
        "--run {params.folder:q} --tokens {params.tokens:q} --out {output.logits:q} "
        "2>&1 | tee {log:q}"


rule microbench:
    """Capacity, pack and combine on random, skewed and recorded assignments, machine to itself."""
    input:
        logits=expand(
            "results/capacity/router_logits/{run}.safetensors",
            run=study.capacity.values(),
        ),
    output:
        csv="results/capacity/microbench.csv",
    log:
        "results/logs/microbench.log",
    benchmark:
        "results/benchmarks/microbench.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: ALL_CORES
    resources:
        runtime=60,
        mem_mb=8000,
        gpu=0,
    params:
        spec=microbench_spec(study),
        code=script_code("microbench"),
    shell:
        "python -m workflow_scripts.microbench --spec {params.spec:q} --threads {threads} "
        "--recorded {input.logits:q} --out {output.csv:q} 2>&1 | tee {log:q}"
