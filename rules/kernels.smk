rule router_kernels:
    """Time the stages of routing in torch, compiled torch and Triton, with the machine to itself."""
    output:
        csv=report(
            "results/kernels/router_kernels.csv",
            category="kernels",
            labels={"table": "stages of routing"},
            caption="../report/captions/router_kernels.rst",
        ),
        facts="results/kernels/kernel_facts.csv",
    log:
        "results/logs/router_kernels.log",
    benchmark:
        "results/benchmarks/router_kernels.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: ALL_CORES
    resources:
        runtime=120,
        mem_mb=8000,
        gpu=WHOLE_GPU,
        on_devices=ON_WHOLE_DEVICE,
    params:
        spec=kernels_spec(study),
        code=script_code("router_kernels"),
    shell:
        "{resources.on_devices}python -m workflow_scripts.router_kernels --spec {params.spec:q} "
        "--threads {threads} --out {output.csv:q} --facts {output.facts:q} 2>&1 | tee {log:q}"


rule layer_profile:
    """Profile layers: time by stage, memory by the allocator, and that of a training step."""
    input:
        meta=f"{TOKENS_PROFILED}/meta.json",
        splits=expand("{folder}/{name}", folder=TOKENS_PROFILED, name=SPLIT_FILES),
    output:
        profile="results/kernels/layer_profile.csv",
        memory="results/kernels/layer_memory.csv",
        facts="results/kernels/layer_facts.csv",
    log:
        "results/logs/layer_profile.log",
    benchmark:
        "results/benchmarks/layer_profile.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: ALL_CORES
    resources:
        runtime=120,
        mem_mb=8000,
        gpu=WHOLE_GPU,
        on_devices=ON_WHOLE_DEVICE,
    params:
        spec=kernels_spec(study),
        run=canonical(study.runs[PROFILED]),
        code=script_code("layer_profile", study.runs[PROFILED].model.moe.strategy),
        tokens=subpath(input.meta, parent=True),
    shell:
        "{resources.on_devices}python -m workflow_scripts.layer_profile --spec {params.spec:q} "
        "--run {params.run:q} --threads {threads} --tokens {params.tokens:q} "
        "--profile {output.profile:q} --memory {output.memory:q} --facts {output.facts:q} "
        "2>&1 | tee {log:q}"
