rule images:
    """Write the images of the configured source as train, valid and test."""
    input:
        files=image_sources,
    output:
        train=f"{IMAGES}/train.safetensors",
        valid=f"{IMAGES}/valid.safetensors",
        test=f"{IMAGES}/test.safetensors",
        meta=f"{IMAGES}/meta.json",
    log:
        "results/logs/images.log",
    benchmark:
        "results/benchmarks/images.jsonl"
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=60,
        mem_mb=4000,
        gpu=0,
    params:
        spec=image_set_spec(study),
        code=script_code("images"),
        folder=subpath(output.meta, parent=True),
    shell:
        "python -m workflow_scripts.images --spec {params.spec:q} --folder {params.folder:q} "
        "2>&1 | tee {log:q}"


use rule train as train_images with:
    """Train one image run of the table: metrics, summary, weights."""
    input:
        images=rules.images.output,
        meta=f"{IMAGES}/meta.json",
    log:
        "results/logs/train_images/{run}.log",
    benchmark:
        "results/benchmarks/train_images/{run}.jsonl"
    wildcard_constraints:
        run="image-[A-Za-z0-9_.-]+",
    params:
        spec=run_spec,
        code=image_code,
        module="train_images",
        option="--images",
        data=subpath(input.meta, parent=True),
        folder=subpath(output.summary, parent=True),
