import gc
import os
import sys
from functools import cache
from pathlib import Path

# a plan is one large graph that lives to the end: walk it for garbage seldom
gc.set_threshold(100_000)

# scripts run as `python -m workflow_scripts.NAME`, here and on any node
os.environ.update(PYTHONPATH=str(workflow.basedir))
sys.path.insert(0, str(workflow.basedir))

from moe_core.adapters.labels import LABELS
from moe_core.configuration import SWEEPS
from moe_core.configuration_file import check_file
from moe_core.corpus.sources import matching_files
from moe_core.corpus.splits import SPLITS
from moe_core.errors import StudyError
from moe_core.export.exportable import check_exportable
from moe_core.images.config import image_files, image_set_name
from moe_core.provenance import canonical_json, code_digest
from moe_core.routing import registry
from moe_core.routing.router_net import ROUTER_PRECISIONS
from moe_core.runs import base_files, canonical, data_folder
from moe_core.study import (
    commonsense_spec,
    corpus_spec,
    kernels_spec,
    expert_parallel_spec,
    image_set_spec,
    load_study,
    local_tokenizer,
    microbench_spec,
    ngram_spec,
    precision_speed_spec,
    report_spec,
    telegrams_spec,
    tokenizer_spec,
    vision_cost_spec,
)

try:
    check_file(Path("config.yaml"))
except StudyError as error:
    sys.exit(f"config error: {error}")


configfile: "config.yaml"


try:
    study = load_study(config)
    corpus_files = (
        [str(path) for path in matching_files(study.config.corpus.files.paths)]
        if study.corpus == "files"
        else []
    )
    questions = study.config.experiments.perft.commonsense
    asked = study.config.experiments.perft.task == "commonsense" and not questions.hub
    question_files = [
        str(path)
        for part in ("train", "test")
        if asked and getattr(questions, part)
        for path in matching_files(
            getattr(questions, part), f"experiments.perft.commonsense.{part}", ".json*"
        )
    ]
    # a missing file is told before any job
    tokenizer_files = [f for t in study.tokenizers.values() for f in local_tokenizer(t)]
    image_sources = [str(path) for path in image_files(study.config.images)]
    for path in [*corpus_files, *question_files, *tokenizer_files, *image_sources]:
        if "{" in path:
            raise StudyError(path, "braces are wildcards to Snakemake", "rename it")
except StudyError as error:
    sys.exit(f"config error: {error}")

CORPUS = f"results/data/{study.corpus}"
TOKENS = f"results/tokens/{study.tokens}"
IMAGES = f"results/images/{image_set_name(study.config.images)}"
IMAGE_FILES = [f"{IMAGES}/{split}.safetensors" for split in SPLITS] + [
    f"{IMAGES}/meta.json"
]
SPLIT_FILES = ("train.bin", "valid.bin", "test.bin")
ALL_CORES = workflow.cores or os.cpu_count()
# the resource gpu counts shares of devices: a process of a run takes one, a timing all of a device
GPU = 1 if study.config.device == "cuda" else 0
WHOLE_GPU = GPU * study.config.execution.runs_per_gpu
# processes that share out experts: on GPUs as many as were given, up to four
SHARES = workflow.global_resources
GIVEN_GPUS = SHARES["gpu"].value // WHOLE_GPU if GPU and "gpu" in SHARES else 0
SIDE_BY_SIDE = min(4, max(study.scale.world_size, GIVEN_GPUS)) if GPU else 1
ON_WHOLE_DEVICE = "python -m moe_core.devices --whole -- " if GPU else ""
# ids of adapters begin with their method, those of image runs with image
ADAPTED = f"(?:{'|'.join(LABELS)})-[A-Za-z0-9_.-]+"
OF_TEXT = f"(?!{ADAPTED}|image-)[A-Za-z0-9_.-]+"
# measured of code and machines, for claims
FACTS = [
    "results/kernels/kernel_facts.csv",
    "results/kernels/layer_facts.csv",
    "results/expert_parallel/facts.csv",
]
# verdicts of an earlier study, to flag those that changed
STORED_LEDGER = "results/reference/claims/ledger.csv"
# of a machine that benchmarks/compute.py had to itself
COMPUTE = "benchmarks/results/compute.json"
# the same of benchmarks/adapters.py
COSTS_OF_ADAPTERS = "benchmarks/results/adapters_cuda_olmoe.json"
COMPUTE_FIGURES = ["layer_ratio", "routing_growth", "roofline"]
KERNEL_FIGURES = ["kernel_times", "layer_stages", "layer_memory"]
VISION_FIGURES = ["frontier", "usage", "classes", "losses", "nearest"]
SOURCES = [
    str(path.relative_to(workflow.basedir))
    for path in sorted((Path(workflow.basedir) / "report").glob("**/*"))
    if path.suffix in (".tex", ".bib")
]
# of the slides alone: schematics, and a file a frame
OF_SLIDES = ("report/slides.tex", "report/slides/", "report/schematics/")
REPORT_SOURCES = [path for path in SOURCES if not path.startswith(OF_SLIDES)]
SLIDES_SOURCES = [path for path in SOURCES if path.startswith(OF_SLIDES)]
SLIDES_SOURCES += ["report/values.tex"]
# whose training step is profiled: the first that has a capacity
PROFILED = study.profiled
TOKENS_PROFILED = f"results/tokens/{study.runs[PROFILED].tokens}"
# whose routing of a text the slides show: what the outline speaks of, as far as it is there
SHOWN = [
    name
    for name in ("position_hash", "top1", "softk")
    if name in study.config.experiments.unified.strategies
] or study.config.experiments.unified.strategies[:3]

# experiments that have a frontier of their own
FRONTIERS = ["router_nets", "larger", "subword"]
EXPLORER_SOURCES = [
    str(path.relative_to(workflow.basedir))
    for path in sorted((Path(workflow.basedir) / "report/explorer").iterdir())
]


wildcard_constraints:
    run="[A-Za-z0-9_.-]+",
    shape="[A-Za-z0-9_.-]+",
    tokens="|".join(study.tokenizers),
    experiment="|".join(study.experiments),
    sweep="|".join(SWEEPS),
    figure="|".join(COMPUTE_FIGURES),


@cache
def script_code(name, *strategies):
    """Digest of a script and all it imports, with the strategies that it loads by name."""
    return code_digest(
        f"workflow_scripts.{name}", *map(registry.module_name, strategies)
    )


def strategies_of(model):
    """The strategy that a model loads by name, if any."""
    return [model.moe.strategy] if model.moe else []


def of_this_study(table, name):
    """A row of the table of runs or shapes."""
    if name not in table:
        raise WorkflowError(
            f"{name} is not in this study: see `python -m moe_core runs`"
        )
    return table[name]


def run_spec(wildcards):
    """The canonical row of a run."""
    return canonical(of_this_study(study.all_runs, wildcards.run))


def run_code(wildcards):
    """Digest of the code that a run depends on."""
    model = of_this_study(study.runs, wildcards.run).model
    return script_code("train", *strategies_of(model))


def image_code(wildcards):
    """Digest of the code that an image run depends on."""
    routing = of_this_study(study.all_runs, wildcards.run).all_routing()
    return script_code("train_images", *(moe.strategy for moe in routing))


def image_strategies_used():
    """Strategies that the image models of this study load by name."""
    routing = (moe for row in study.vision.values() for moe in row.all_routing())
    return sorted({moe.strategy for moe in routing})


def adapter_code(wildcards):
    """Digest of the code that adapters depend on."""
    spec = of_this_study(study.adapted, wildcards.run)
    return script_code("adapt", *sorted({moe.strategy for moe in spec.all_routing()}))


def adapter_data(wildcards):
    """What adapters are trained and tested on, its splits first."""
    spec = of_this_study(study.adapted, wildcards.run)
    folder = data_folder(spec, Path("results"))
    if spec.task == "stories":
        return [f"{folder}/{name}" for name in (*SPLIT_FILES, "meta.json")]
    splits = [f"{folder}/{name}.jsonl" for name in SPLITS]
    return [*splits, f"results/tokens/{spec.tokens}/tokenizer.json"]


def base_of_adapters(wildcards):
    """Files of the model that is adapted, if they are on this disk."""
    base = of_this_study(study.adapted, wildcards.run).base
    return [str(path) for path in base_files(base, Path("results"))]


def summary_of_base(wildcards):
    """What became of the training of the model that is adapted, if it is one of this study."""
    base = of_this_study(study.adapted, wildcards.run).base
    return f"results/runs/{base.run}/summary.json" if base.kind == "run" else []


def adapter_memory(wildcards, attempt):
    """Megabytes: more for a base of transformers."""
    base = of_this_study(study.adapted, wildcards.run).base
    return attempt * (4000 if base.kind == "run" else 32000)


def on_devices(wildcards):
    """Waits for a device for each process of a run, and holds them for it; nothing on a CPU.

    A resource, not a parameter: how runs share devices makes no run stale.
    """
    count = of_this_study(study.all_runs, wildcards.run).world_size
    take = f"python -m moe_core.devices --shares {WHOLE_GPU} --count {count} -- "
    return take if GPU else ""


def on_whole_devices(count):
    """Waits for so many whole devices and holds them; nothing on a CPU."""
    take = f"python -m moe_core.devices --whole --count {count} -- "
    return take if GPU else ""


def run_threads(wildcards):
    """CPU threads of all processes of a run."""
    run = of_this_study(study.all_runs, wildcards.run)
    return run.threads * run.world_size


def shape_spec(wildcards):
    """The canonical row of a shape."""
    return canonical(of_this_study(study.shapes, wildcards.shape))


def shape_code(wildcards):
    """Digest of the code that a shape's speed depends on."""
    model = of_this_study(study.shapes, wildcards.shape).model
    return script_code("throughput", *strategies_of(model))


def routing_code(wildcards):
    """Digest of the code that a recording of decisions depends on."""
    model = of_this_study(study.runs, wildcards.run).model
    return script_code("routing", *strategies_of(model))


def precision_code(wildcards):
    """Digest of the code that a run with rounded routers depends on."""
    model = of_this_study(study.runs, wildcards.run).model
    return script_code("router_precision", *strategies_of(model))


def rounded_files(name):
    """One file of each run with a router that learns, in each precision."""
    return expand(
        "results/precision/{run}@{precision}/{name}",
        run=study.learned,
        precision=ROUTER_PRECISIONS,
        name=name,
    )


def audit_code(wildcards):
    """Digest of the code that an audit depends on."""
    model = of_this_study(study.runs, wildcards.run).model
    return script_code("audit", *strategies_of(model))


def export_code(wildcards):
    """Digest of the code that an exported run depends on."""
    model = of_this_study(study.runs, wildcards.run).model
    return script_code("export", *strategies_of(model))


def exported_weights(wildcards):
    """Weights of a run that some class of transformers can hold: others fail before training."""
    spec = of_this_study(study.all_runs, wildcards.run)
    try:
        check_exportable(wildcards.run, spec)
    except StudyError as error:
        raise WorkflowError(str(error)) from None
    return f"results/runs/{wildcards.run}/weights.safetensors"


def row_of(wildcards):
    """The run or shape that a rule's wildcard names."""
    if hasattr(wildcards, "run"):
        return of_this_study(study.all_runs, wildcards.run)
    return of_this_study(study.shapes, wildcards.shape)


def tokens_meta(wildcards):
    """meta.json of the encoded stories that a run or shape reads."""
    return f"results/tokens/{row_of(wildcards).tokens}/meta.json"


def tokens_tokenizer(wildcards):
    """The vocabulary of the encoded stories that a run or shape reads."""
    return f"results/tokens/{row_of(wildcards).tokens}/tokenizer.json"


def tokens_splits(wildcards):
    """The encoded stories that a run or shape reads."""
    return [f"results/tokens/{row_of(wildcards).tokens}/{n}" for n in SPLIT_FILES]


def tokenizer_of(wildcards):
    """What a vocabulary depends on besides the stories."""
    return tokenizer_spec(study.tokenizers[wildcards.tokens])


def tokenizer_file(wildcards):
    """The file that a pretrained tokenizer is read from, if it is one."""
    return local_tokenizer(study.tokenizers[wildcards.tokens])


def experiment_files(name):
    """A function to one file of each run of an experiment."""
    return lambda wildcards: run_files(study.experiments[wildcards.experiment], name)


def experiment_throughput(wildcards):
    """Timings of the shapes of an experiment that are timed."""
    runs = study.experiments[wildcards.experiment]
    shapes = sorted({study.shape_of[run] for run in runs if run in study.shape_of})
    return [f"results/throughput/{shape}.json" for shape in shapes]


def experiment_ngrams(wildcards):
    """The n-gram control of each text that an experiment reads."""
    return [f"results/ngram/{t}.json" for t in study.tokens_of(wildcards.experiment)]


def experiment_shapes(wildcards):
    """Shape of each timed run of an experiment, as canonical JSON."""
    runs = study.experiments[wildcards.experiment]
    return canonical_json(
        {run: study.shape_of[run] for run in runs if run in study.shape_of}
    )


def run_files(runs, name):
    """One file of each run."""
    return [f"results/runs/{run}/{name}" for run in runs]


def files_of_rules():
    """The file of rules that each rule stands in, as canonical JSON."""
    folder = Path(workflow.basedir) / "rules"
    return canonical_json(
        {
            one.name: Path(one.snakefile).stem
            for one in workflow.rules
            if Path(one.snakefile).parent == folder
        }
    )
