"""A mistake in the configuration ends in one line."""

from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moe_core.configuration import StudyConfig
from moe_core.errors import StudyError
from moe_core.routing import registry
from moe_core.runs import run_id
from moe_core.study import load_study
from tests.configurations import DEFAULT, SCALE, Edit, both, changed, put

TOP_LEVEL = sorted(StudyConfig.model_fields)


def remove(path: str) -> Edit:
    *parents, last = path.split(".")

    def edit(config: dict[str, Any]) -> None:
        for name in parents:
            config = config[name]
        del config[last]

    return edit


def rename(path: str, new: str) -> Edit:
    *parents, last = path.split(".")

    def edit(config: dict[str, Any]) -> None:
        for name in parents:
            config = config[name]
        config[new] = config.pop(last)

    return edit


MODEL, TRAINING = f"scales.{SCALE}.model", f"scales.{SCALE}.training"
UNIFIED, PERFT = "experiments.unified", "experiments.perft"
ADAPTERS = f"scales.{SCALE}.adapters"


@pytest.mark.parametrize(
    ("edit", "key", "parts"),
    [
        (
            put(f"{UNIFIED}.strategies", ["top1", "sofk"]),
            f"{UNIFIED}.strategies",
            ["'sofk'", "did you mean 'softk'", *registry.names()],
        ),
        (put(f"{UNIFIED}.strategies", []), f"{UNIFIED}.strategies", ["[]"]),
        (
            put(f"{PERFT}.methods", ["perft_x"]),
            f"{PERFT}.methods.0",
            ["'perft_x'", "did you mean 'perft_", "lora"],
        ),
        (
            put(f"{PERFT}.routed", [{"top_k": 5, "adapters": 4}]),
            f"{PERFT}.routed",
            ["top_k 5 of 4", "1 to 4"],
        ),
        (
            both(
                put(f"{PERFT}.strategy", "softk"),
                put(f"{PERFT}.routed", [{"top_k": 1, "adapters": 4}]),
            ),
            f"{PERFT}.routed",
            ["'softk'", "2 to 4"],
        ),
        (put(f"{PERFT}.run.strategy", "coe"), f"{PERFT}.run.strategy", ["perft_e", "methods"]),
        (
            put(f"{PERFT}.lora_targets", ["attention.qvk"]),
            f"{PERFT}.lora_targets",
            ["did you mean 'attention.qkv'"],
        ),
        (
            put(f"{PERFT}.learning_rate_factors", [1.0, 2.0]),
            f"{PERFT}.learning_rate_factors",
            ["edge"],
        ),
        (put(f"{PERFT}.base", "hub"), f"{PERFT}.hub.revision", ["None", "40 hexadecimal"]),
        (
            both(
                put(f"{PERFT}.base", "hub"),
                put(f"{PERFT}.hub", {"name": "allenai/OLMoE", "revision": "0123456789" * 4}),
            ),
            f"{PERFT}.lora_targets",
            ["attention.qkv", "this study's models", "q_proj"],
        ),
        (
            put(f"{PERFT}.run.strategy", "expert_choice"),
            f"{PERFT}.run.strategy",
            ["a decoder cannot see", "causal"],
        ),
        (put(f"{PERFT}.telegrams.seed", 0), f"{PERFT}.telegrams.seed", ["corpus.builtin.seed"]),
        (
            both(
                put(f"{PERFT}.task", "commonsense"),
                put(f"{PERFT}.commonsense", {"train": [], "test": [], "hub": None}),
            ),
            f"{PERFT}.commonsense.train",
            ["is empty", "hub"],
        ),
        (
            both(put(f"{PERFT}.task", "commonsense"), put(f"{TRAINING}.balance_sequences", 1)),
            f"{TRAINING}.balance_sequences",
            ["differ in length", "null"],
        ),
        (
            both(put(f"{PERFT}.base", "hub"), put(f"{PERFT}.hub.name", "no such/base/here")),
            f"{PERFT}.hub.name",
            ["no path here and no name on the hub"],
        ),
        (put(f"{ADAPTERS}.seeds", [100]), "experiments.learning_rate.seeds", ["100", "tuned"]),
        (put(f"{ADAPTERS}.warmup_steps", 30), f"{ADAPTERS}.warmup_steps", ["steps = 30"]),
        (put(f"{ADAPTERS}.seq_len", 4096), f"{ADAPTERS}.seq_len", ["training.valid_tokens"]),
        (
            remove(f"{ADAPTERS}.learning_rates.lora"),
            f"{ADAPTERS}.learning_rates.lora",
            ["is missing"],
        ),
        (put(f"{UNIFIED}.strategies", ["softk", "softk"]), f"{UNIFIED}.strategies", ["'softk'"]),
        (put(f"{MODEL}.top_k", 9), f"{MODEL}.top_k", ["9", "num_experts = 8", "1 to 8"]),
        (put(f"{MODEL}.top_k", 1), f"{MODEL}.top_k", ["too few for strategy", "2 or more"]),
        (put(f"{UNIFIED}.shared_expert", ["top2"]), f"{UNIFIED}.shared_expert", ["'top2'"]),
        (put(f"{UNIFIED}.headline", ["sofk"]), f"{UNIFIED}.headline", ["mean 'softk'"]),
        (
            put(f"scales.{SCALE}.other_seeds", [0, 7]),
            f"scales.{SCALE}.other_seeds",
            ["7", "dense", "0, 1"],
        ),
        (
            put("experiments.learning_rate.factors", [1.0, 2.0, 4.0]),
            "experiments.learning_rate.factors",
            ["edge", "smaller"],
        ),
        (
            put("experiments.router_nets.routers", ["linear", "mpl"]),
            "experiments.router_nets.routers.1",
            ["'mpl'", "did you mean 'mlp'"],
        ),
        (
            put("experiments.balance.balance_sequences", [3]),
            f"{TRAINING}.batch_size",
            ["8", "balance_sequences = 3"],
        ),
        (
            put("scales.quick.expert_parallel", True),
            "scales.quick.expert_parallel",
            ["one process", "world_size"],
        ),
        (
            both(
                put("scales.quick.expert_parallel", True),
                put("scales.quick.world_size", 2),
                put(f"{TRAINING}.compile", True),
            ),
            f"{TRAINING}.compile",
            ["expert_parallel"],
        ),
        (
            both(
                put("scales.quick.expert_parallel", True),
                put("scales.quick.world_size", 8),
                put("scales.quick.model.num_experts", 4),
            ),
            "scales.quick.world_size",
            ["8 processes share out 4 experts", "2 to 4"],
        ),
        (
            put(f"scales.{SCALE}.learning_rates", {"sotfk": 1.0e-3}),
            f"scales.{SCALE}.learning_rates",
            ["'sotfk'", "did you mean 'softk'"],
        ),
        (
            put(f"scales.{SCALE}.sweep.steps", 10),
            f"{TRAINING}.warmup_steps",
            ["10", "sweep.steps = 10"],
        ),
        (put(f"{MODEL}.heads", 5), f"{MODEL}.heads", ["dim = 64", "1, 2, 4, 8, 16, 32"]),
        (put(f"{MODEL}.heads", 64), f"{MODEL}.heads", ["even", "1, 2, 4, 8, 16, 32"]),
        (put(f"{MODEL}.dim", 63), f"{MODEL}.dim", ["63", "odd"]),
        (
            put(f"scales.{SCALE}.capacity_factors", [1.0, -1.5]),
            f"scales.{SCALE}.capacity_factors.1",
            ["-1.5", "greater than 0"],
        ),
        (
            put(f"scales.{SCALE}.capacity_factors", [1.0, 1]),
            f"scales.{SCALE}.capacity_factors",
            ["1.0"],
        ),
        (
            rename(f"{TRAINING}.learning_rate", "learning_rte"),
            f"{TRAINING}.learning_rte",
            ["did you mean 'learning_rate'", "allowed here", "batch_size"],
        ),
        (rename("corpus.hub.name", "nam"), "corpus.hub.nam", ["'name'", "max_stories"]),
        (rename("tokenizer", "tokeniser"), "tokeniser", ["'tokenizer'", *TOP_LEVEL]),
        (put(f"{TRAINING}.steps", "many"), f"{TRAINING}.steps", ["'many'", "integer"]),
        (put(f"{TRAINING}.steps", 10.5), f"{TRAINING}.steps", ["10.5", "integer"]),
        (put(f"{TRAINING}.steps", True), f"{TRAINING}.steps", ["True", "integer"]),
        (put(f"{TRAINING}.compile", 1), f"{TRAINING}.compile", ["1", "boolean"]),
        (put(f"{TRAINING}.dispatch", "groupd"), f"{TRAINING}.dispatch", ["'groupd'", "grouped"]),
        (
            put(f"{TRAINING}.learning_rate", yaml.safe_load("1e-3")),
            f"{TRAINING}.learning_rate",
            ["'1e-3'", "1.0e-3", "text"],
        ),
        (put(f"{TRAINING}.learning_rate", float("inf")), f"{TRAINING}.learning_rate", ["finite"]),
        (put(f"{TRAINING}.learning_rate", float("nan")), f"{TRAINING}.learning_rate", ["nan"]),
        (remove(f"{TRAINING}.weight_decay"), f"{TRAINING}.weight_decay", ["missing"]),
        (remove("device"), "device", ["missing"]),
        (put("device", "gpu"), "device", ["'gpu'", "cpu, cuda"]),
        (
            put("corpus.source", "buitin"),
            "corpus.source",
            ["did you mean 'builtin'", "builtin, hub, files"],
        ),
        (put("corpus", None), "corpus", ["None", "valid_fraction"]),
        (put("corpus.files.paths", "a.txt"), "corpus.files.paths", ["'a.txt'", "list"]),
        (put("corpus.valid_fraction", 0.5), "corpus.valid_fraction", ["0.5", "less than 0.5"]),
        (put("tokenizer.bpe.vocab_size", 256), "tokenizer.bpe.vocab_size", ["256", "257"]),
        (put(f"scales.{SCALE}.seeds", [0, 1, 0]), f"scales.{SCALE}.seeds", ["0", "twice"]),
        (
            put("experiments.capacity.top_k", [1, 2, 1]),
            "experiments.capacity.top_k",
            ["1", "twice"],
        ),
        (put(f"scales.{SCALE}.seeds", [-1]), f"scales.{SCALE}.seeds.0", ["-1"]),
        (
            both(put(f"{TRAINING}.steps", 20), put(f"{TRAINING}.warmup_steps", 20)),
            f"{TRAINING}.warmup_steps",
            ["20", f"{TRAINING}.steps = 20"],
        ),
        (
            put(f"scales.{SCALE}.capacity.trained_steps", 5),
            f"scales.{SCALE}.capacity.trained_steps",
            ["5", "warmup_steps = 10"],
        ),
        (
            put(f"{TRAINING}.valid_tokens", 127),
            f"{TRAINING}.valid_tokens",
            ["127", "seq_len = 128"],
        ),
        (put(f"{TRAINING}.test_tokens", 127), f"{TRAINING}.test_tokens", ["127", "seq_len = 128"]),
        (put("scale", "quik"), "scale", ["did you mean 'quick'", "allowed: quick, "]),
        (
            put("experiments.capacity.top_k", [1, 65]),
            "experiments.capacity.top_k",
            ["65", "num_experts = 64"],
        ),
        (put("one\ntwo", 1), "one two", ["unknown key"]),
        (
            put(f"{UNIFIED}.drop_policy", "random"),
            f"{UNIFIED}.drop_policy",
            ["'random'", "allowed: position, none"],
        ),
        (
            put("experiments.balance.jitters", [1.0]),
            "experiments.balance.jitters.0",
            ["1.0", "less than 1"],
        ),
        (
            put(f"{UNIFIED}.strategies", ["position_hash", "frozen_router"]),
            f"{UNIFIED}.strategies",
            ["controls", "softk"],
        ),
        (put("scales", {}), "scales", ["{}", "at least 1"]),
        (put("scales", {"quick": "x\ny"}), "scales.quick", ["seeds"]),
    ],
)
def test_a_mistake_is_one_line(edit: Edit, key: str, parts: list[str]) -> None:
    with pytest.raises(StudyError) as error:
        load_study(changed(edit))
    message = str(error.value)
    assert message.startswith(f"{key}: ")
    assert "\n" not in message
    for part in parts:
        assert part in message.removeprefix(key)


NOTHING: list[Any] = [{}, {1: 2}, {"": 0}, {**DEFAULT, 5: 1}, None, [], "scale"]


@pytest.mark.parametrize("config", NOTHING)
def test_what_is_no_configuration_at_all(config: Any) -> None:
    with pytest.raises(StudyError, match="^[^:]+: ") as error:
        load_study(config)
    assert "\n" not in str(error.value)


def every_path(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return [path, *(p for k, v in items for p in every_path(v, (*path, k)))]


PATHS = [p for p in every_path(DEFAULT) if p]
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.integers(-2, 300)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1e-3", "softk", "cuda", "none", "a\nb", "\ud800", "2024-01-01"])
    | st.dates()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=4,
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    config = changed(lambda _: None)
    for _ in range(draw(st.integers(1, 3))):
        *parents, last = draw(st.sampled_from(PATHS))
        here: Any = config
        try:
            for part in parents:
                here = here[part]
            kind = draw(st.sampled_from(["delete", "replace", "rename", "add"]))
            if kind == "delete":
                del here[last]
            elif kind == "replace":
                here[last]  # an earlier mutation may have taken it away
                here[last] = draw(values)
            elif isinstance(here, dict):
                name = draw(st.text(max_size=6) | st.just(f"{last}s") | st.integers(0, 3))
                here[name] = here.pop(last) if kind == "rename" else draw(values)
        except (KeyError, IndexError, TypeError):
            continue
    return config


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_any_configuration_loads_or_fails_in_one_line(config: dict[str, Any]) -> None:
    try:
        study = load_study(config)
    except StudyError as error:
        message = str(error)
        assert len(message.splitlines()) == 1
        key = message.split(":")[0].split(".")[0]
        unknown = {str(StudyError(str(k), "")).removesuffix(":") for k in {*config} - {*TOP_LEVEL}}
        assert key in TOP_LEVEL or any(message.startswith(name) for name in unknown)
    else:
        assert study.runs
        assert {run_id(spec) for spec in study.runs.values()} == {*study.runs}


def edited(*edits: Edit) -> dict[str, Any]:
    config = changed(lambda _: None)
    for edit in edits:
        edit(config)
    return config


def test_kernels_are_for_a_gpu() -> None:
    config = edited(put("device", "cpu"), put(f"{TRAINING}.dispatch", "triton"))
    with pytest.raises(StudyError, match=f"^{TRAINING}.dispatch: 'triton' runs on a GPU alone"):
        load_study(config)
    put("device", "cuda")(config)
    load_study(config)


def test_triton_is_not_compiled_once_more() -> None:
    changes = put("device", "cuda"), put(f"{TRAINING}.dispatch", "triton")
    load_study(edited(*changes))
    with pytest.raises(StudyError, match=f"^{TRAINING}.dispatch: 'triton' has kernels that are"):
        load_study(edited(*changes, put(f"{TRAINING}.compile", True)))


def test_segments_are_for_a_cpu() -> None:
    config = edited(put("device", "cuda"), put(f"{TRAINING}.dispatch", "segments"))
    with pytest.raises(StudyError, match=f"^{TRAINING}.dispatch: 'segments' runs on a CPU alone"):
        load_study(config)


@pytest.mark.parametrize(
    ("width", "precision", "legal"),
    [(98, "fp32", False), (100, "fp32", True), (100, "bf16", False)],
)
@pytest.mark.parametrize("backend", ["grouped", "triton"])
def test_grouped_products_ask_for_aligned_widths(
    width: int, precision: str, legal: bool, backend: str
) -> None:
    config = edited(
        put("device", "cuda"),
        put(f"{TRAINING}.dispatch", backend),
        put(f"{TRAINING}.precision", precision),
        put(f"scales.{SCALE}.model.expert_hidden", width),
    )
    if legal:
        load_study(config)
    else:
        with pytest.raises(StudyError, match=f"expert_hidden: {width} is no multiple of"):
            load_study(config)
