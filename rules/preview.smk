# where the jobs of each rule leave their time and their results
MEASURED_RULES = {
    one.name: {
        "benchmark": str(one.benchmark),
        "output": [str(file) for file in one.output],
        # none where jobs of one rule differ: what they leave behind says
        "threads": one.resources["_cores"].raw,
    }
    for one in workflow.rules
    if one.benchmark
}
# None without limit
GPUS = (
    workflow.global_resources["gpu"].value
    if "gpu" in workflow.global_resources
    else None
)


localrules:
    preview,
    costs,


# without output, so that it always runs; without benchmark, for it is no part of the study
rule preview:
    """Say what `snakemake all` would run, why and at what cost. Starts and changes nothing."""
    log:
        "results/logs/preview.log",
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        config=lambda wildcards: canonical_json(config),
        rules=lambda wildcards: canonical_json(MEASURED_RULES),
        cores=ALL_CORES,
        gpus=canonical_json(GPUS),
        checksums=lambda wildcards: workflow.dag_settings.max_checksum_file_size,
        snakefile=workflow.main_snakefile,
    shell:
        "python -m workflow_scripts.preview --config {params.config:q} --rules {params.rules:q} "
        "--cores {params.cores:q} --gpus {params.gpus:q} "
        "--max-checksum-file-size {params.checksums:q} --snakefile {params.snakefile:q} "
        "--out results/preview.json 2>&1 | tee {log:q}"


rule costs:
    """Measure what each rule cost, and how far off the last preview was."""
    input:
        rules.manifest.output,
    log:
        "results/logs/costs.log",
    conda:
        "../envs/bench.yaml"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
        gpu=0,
    params:
        rules=lambda wildcards: canonical_json(MEASURED_RULES),
    shell:
        "python -m workflow_scripts.costs --rules {params.rules:q} "
        "--preview results/preview.json --costs results/costs.csv "
        "--truth results/preview_against_truth.csv 2>&1 | tee {log:q}"
