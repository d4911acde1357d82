import json
import subprocess
import sys
from typing import Any

import pytest

from moe_core.configuration import SWEEPS
from moe_core.routing import registry
from moe_core.runs import RunSpec, canonical, cell_name, dense_width, run_id
from moe_core.study import Study, load_study
from tests.configurations import DEFAULT, ROOT, SCALE, changed, put


def with_value(path: str, value: object) -> Study:
    return load_study(changed(put(path, value)))


@pytest.mark.parametrize("scale", DEFAULT["scales"])
def test_default_configuration_loads_under_each_scale(scale: str) -> None:
    study = with_value("scale", scale)
    chosen = DEFAULT["scales"][scale]
    unified = DEFAULT["experiments"]["unified"]
    factors = chosen["capacity_factors"]
    headline = len(unified["headline"]) * len(factors)
    arms = len(unified["strategies"]) * len(factors) + len(unified["shared_expert"])
    specs = [study.runs[run] for run in study.unified]
    dense = {s.model.ffn_hidden for s in specs if s.model.moe is None}
    hidden, top_k = chosen["model"]["expert_hidden"], chosen["model"]["top_k"]
    # top-1 needs a dense model of its own FLOPs; experts that choose take cf * K a token
    filled = {round(hidden * top_k * factor) for factor in factors}
    assert dense == {hidden, hidden * top_k, hidden * chosen["model"]["num_experts"]} | filled
    on_all_seeds = (headline + len(dense)) * len(chosen["seeds"])
    assert len(study.unified) == on_all_seeds + (arms - headline) * len(chosen["other_seeds"])
    assert [*study.capacity] == DEFAULT["experiments"]["capacity"]["num_experts"]


@pytest.fixture(scope="module")
def full() -> Study:
    """The default study with all strategies in every experiment."""
    return with_value(f"scales.{SCALE}.sweep.max_strategies", None)


def rows(study: Study, experiment: str) -> list[RunSpec]:
    return [study.runs[run] for run in study.experiments[experiment]]


def routed(study: Study, experiment: str) -> list[RunSpec]:
    return [spec for spec in rows(study, experiment) if spec.model.moe]


def varied(specs: list[RunSpec]) -> set[str]:
    """Settings in which rows of one strategy differ, apart from the seed."""
    flat = [
        spec.model.model_dump(exclude={"moe"})
        | (spec.model.moe.model_dump() if spec.model.moe else {})
        | spec.training.model_dump()
        | {"tokens": spec.tokens}
        for spec in specs
    ]
    return {key for key in flat[0] if len({str(row.get(key)) for row in flat}) > 1}


@pytest.mark.parametrize(
    ("experiment", "allowed"),
    [
        ("capacity_sweep", {"capacity_factor"}),
        ("router_nets", {"router"}),
        ("subword", set()),
        ("learning_rate", {"learning_rate"}),
    ],
)
def test_d10_an_experiment_changes_one_thing(experiment: str, allowed: set[str]) -> None:
    study = load_study(DEFAULT)
    by_strategy: dict[str, list[RunSpec]] = {}
    for spec in routed(study, experiment):
        assert spec.model.moe
        by_strategy.setdefault(spec.model.moe.strategy, []).append(spec)
    for specs in by_strategy.values():
        assert varied(specs) == allowed


def test_d10_larger_sizes_differ_from_the_usual_one_in_experts_or_in_width(full: Study) -> None:
    specs = [s for s in routed(full, "larger") if s.model.moe and s.model.moe.strategy == "softk"]
    usual, more, wider = specs[0], specs[1], specs[2]
    assert varied([usual, more]) == {"num_experts"}
    assert varied([usual, wider]) == {"dim", "heads", "ffn_hidden"}
    assert wider.model.dim // wider.model.heads == usual.model.dim // usual.model.heads


def test_d10_arms_of_the_balance_experiment_change_one_thing_each(full: Study) -> None:
    specs = [s for s in routed(full, "balance") if s.model.moe and s.model.moe.strategy == "softk"]
    usual = next(s for s in specs if s in rows(full, "capacity_sweep"))
    changes = [varied([usual, spec]) for spec in specs if spec != usual]
    assert {frozenset(change) for change in changes} == {
        frozenset({"switch_coef"}),
        frozenset({"balance_sequences"}),
        frozenset({"bias_rate", "switch_coef"}),  # a bias instead of the loss
        frozenset({"jitter", "switch_coef"}),
    }


def test_rates_are_tuned_over_the_steps_of_the_study_and_sweeps_have_their_own() -> None:
    study = load_study(DEFAULT)
    steps = {e: {row.training.steps for row in rows(study, e)} for e in study.experiments}
    own = {study.scale.training.steps}
    assert steps.pop("unified") == steps.pop("learning_rate") == own
    assert all(found == {study.scale.sweep.steps} != own for found in steps.values())


def test_other_experiments_start_from_the_largest_capacity_factor() -> None:
    study = with_value(f"scales.{SCALE}.capacity_factors", [1.0, 1.5])
    for experiment in ("router_nets", "larger", "subword", "balance", "learning_rate"):
        factors = {
            row.model.moe.capacity_factor for row in routed(study, experiment) if row.model.moe
        }
        assert factors == {1.5}, experiment


def test_sweeps_share_the_usual_arm(full: Study) -> None:
    capacity, nets = ({*full.experiments[e]} for e in ("capacity_sweep", "router_nets"))
    assert len(capacity & nets) == 3 * len(full.scale.sweep.seeds)


def strategies(study: Study, experiment: str) -> set[str]:
    return {spec.model.moe.strategy for spec in routed(study, experiment) if spec.model.moe}


@pytest.mark.parametrize("experiment", SWEEPS)
def test_a_scale_trains_the_first_of_an_experiments_strategies(
    full: Study, experiment: str
) -> None:
    listed = DEFAULT["experiments"][experiment]["strategies"]
    assert strategies(full, experiment) == set(listed)
    one = with_value(f"scales.{SCALE}.sweep.max_strategies", 1)
    assert strategies(one, experiment) == set(listed[:1])
    assert one.unified == full.unified


def test_subword_runs_read_other_tokens_and_nothing_else_does() -> None:
    study = load_study(DEFAULT)
    assert study.tokens_of("subword") == ["builtin-bpe2048"]
    assert study.tokens_of("unified") == ["builtin-char"]
    assert {*study.tokenizers} == {"builtin-char", "builtin-bpe2048"}
    assert study.tokenizers["builtin-bpe2048"].kind == "bpe"


def test_shared_expert_keeps_active_flops() -> None:
    study = load_study(DEFAULT)
    with_shared = next(
        s for s in routed(study, "unified") if s.model.moe and s.model.moe.shared_hidden
    )
    plain = next(
        s for s in routed(study, "unified") if s.model.moe and s.model.moe.strategy == "softk"
    )
    assert dense_width(with_shared.model) == dense_width(plain.model)
    assert with_shared.model.ffn_hidden < plain.model.ffn_hidden


def test_strategies_balanced_by_a_bias_have_one() -> None:
    for spec in routed(load_study(DEFAULT), "unified"):
        assert spec.model.moe
        biased = registry.declaration(spec.model.moe.strategy)["balanced_by"] == "bias"
        assert biased == (spec.model.moe.bias_rate > 0)


def test_a_rate_of_its_own_changes_one_strategy() -> None:
    before = load_study(DEFAULT)
    after = with_value(f"scales.{SCALE}.learning_rates", {"softk": 1.0e-3})
    changed_runs = {*after.unified} - {*before.unified}
    assert changed_runs
    assert all(run.startswith("softk-") for run in changed_runs)


def test_audited_are_the_first_seeds_of_all_routed_cells() -> None:
    study = load_study(DEFAULT)
    cells = {cell_name(study.runs[run]) for run in study.audited}
    assert cells == {cell_name(spec) for spec in routed(study, "unified")}
    assert len(cells) == len(study.audited)


def test_cells_have_names_of_their_own() -> None:
    study = load_study(DEFAULT)
    for experiment in study.experiments:
        if experiment == "larger":  # dense models of one width and dim stand for several sizes
            continue
        specs = rows(study, experiment)
        whole = {json.dumps(spec.model_dump(exclude={"seed"}), sort_keys=True) for spec in specs}
        assert len(whole) == len({cell_name(spec) for spec in specs})


def test_values_from_the_command_line_may_come_as_text() -> None:
    config = json.loads(json.dumps(DEFAULT))
    config["tokenizer"]["kind"] = "bpe"
    config["tokenizer"]["bpe"]["vocab_size"] = "300"
    config["scales"][SCALE]["capacity_factors"] = ["1.5", "2"]
    config["scales"][SCALE]["training"]["compile"] = "true"
    config["corpus"]["hub"] |= {"max_stories": "null", "revision": "0123456"}
    study = load_study(config)
    assert study.config.tokenizer.bpe.vocab_size == 300
    assert study.scale.capacity_factors == [1.5, 2.0]
    assert study.scale.training.compile is True
    assert study.config.corpus.hub.max_stories is None
    assert study.config.corpus.hub.revision == "0123456"


def test_ids_are_unique_and_name_equal_rows() -> None:
    study = load_study(DEFAULT)
    rows = [canonical(spec) for spec in study.runs.values()]
    assert len({*rows}) == len(rows) == len(study.runs)
    for name, spec in study.runs.items():
        assert run_id(spec) == name
        assert run_id(RunSpec.model_validate_json(canonical(spec))) == name
        assert not {*name} - {*"abcdefghijklmnopqrstuvwxyz0123456789_.-"}
    assert len({*study.shapes}) == len({canonical(s) for s in study.shapes.values()})
    assert study.shape_of.keys() == {*study.unified}
    assert {*study.shape_of.values()} == study.shapes.keys()


def reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: reversed_keys(v) for k, v in reversed(value.items())}
    return value


def test_ids_do_not_depend_on_key_order_or_spelling_of_numbers() -> None:
    study = load_study(DEFAULT)
    turned = load_study(reversed_keys(DEFAULT))
    assert turned.runs == study.runs
    assert {*turned.shapes} == {*study.shapes}
    config = json.loads(json.dumps(DEFAULT))
    config["experiments"]["capacity_sweep"]["capacity_factors"][0] = 1  # 1.0
    assert load_study(config).runs.keys() == study.runs.keys()


def test_a_run_that_two_experiments_share_appears_once() -> None:
    def share(config: dict[str, Any]) -> None:
        scale = config["scales"][SCALE]
        config["experiments"]["unified"] |= {
            "strategies": ["softk"],
            "headline": ["softk"],
            "shared_expert": [],
            "drop_policy": "none",
        }
        for sweep in SWEEPS:
            config["experiments"][sweep]["strategies"] = []
        scale["capacity_factors"] = [1.25]
        config["experiments"]["capacity"] |= {"num_experts": [8], "trained_top_k": 2}
        scale["model"] |= {"num_experts": 8, "top_k": 2}
        scale["capacity"]["trained_expert_hidden"] = scale["model"]["expert_hidden"]
        scale["capacity"]["trained_steps"] = scale["training"]["steps"]
        scale["training"]["evaluate_every"] = scale["training"]["steps"]

    study = load_study(changed(share))
    assert study.capacity[8] in study.unified
    assert {*study.runs} == {*study.unified}
    # softk, and dense models of its FLOPs and of its size
    assert len(study.runs) == 3 * len(study.scale.seeds)
    own = changed(share)
    own["scales"][SCALE]["capacity"]["trained_steps"] += 1
    apart = load_study(own)
    assert {*apart.runs} - {*apart.unified} == {apart.capacity[8]}


def test_learning_rate_changes_runs_but_not_shapes() -> None:
    before = load_study(DEFAULT)
    after = with_value(f"scales.{SCALE}.training.learning_rate", 1.25e-3)
    assert not {*before.runs} & {*after.runs}
    assert before.shapes.keys() == after.shapes.keys()


@pytest.mark.parametrize(
    "path",
    [
        f"scales.{SCALE}.training.seq_len",
        f"scales.{SCALE}.training.batch_size",
        f"scales.{SCALE}.model.layers",
        f"scales.{SCALE}.throughput.repeats",
    ],
)
def test_what_changes_the_speed_changes_the_shapes(path: str) -> None:
    value: Any = DEFAULT
    for name in path.split("."):
        value = value[name]
    assert not {*load_study(DEFAULT).shapes} & {*with_value(path, value * 2).shapes}


def test_seeds_leave_the_other_runs_as_they_are() -> None:
    before = load_study(DEFAULT)
    seeds = DEFAULT["scales"][SCALE]["seeds"]
    more = with_value(f"scales.{SCALE}.seeds", [*seeds, 11])
    assert {*before.runs} < {*more.runs}
    assert {more.runs[r].seed for r in {*more.runs} - {*before.runs}} == {11}
    assert more.shapes == before.shapes
    fewer = with_value(f"scales.{SCALE}.other_seeds", seeds[:1])
    assert {*fewer.runs} < {*before.runs}


def test_seeds_are_paired() -> None:
    study = load_study(DEFAULT)
    chosen, headline = DEFAULT["scales"][SCALE], DEFAULT["experiments"]["unified"]["headline"]
    by_arm: dict[str, list[int]] = {}
    for spec in rows(study, "unified"):
        by_arm.setdefault(canonical(spec.model), []).append(spec.seed)
    for spec in rows(study, "unified"):
        moe = spec.model.moe
        on_all = moe is None or (moe.strategy in headline and not moe.shared_hidden)
        wanted = chosen["seeds"] if on_all else chosen["other_seeds"]
        assert by_arm[canonical(spec.model)] == wanted
    # every seed of an arm has a dense model of its active width
    dense = {(s.model.ffn_hidden, s.seed) for s in rows(study, "unified") if s.model.moe is None}
    assert {(dense_width(s.model), s.seed) for s in rows(study, "unified")} <= dense


def loaded_by(modules: list[str], heavy: str) -> list[str]:
    """The modules whose import, one after another in a fresh process, loads a heavy one first."""
    program = (
        f"import importlib, sys\n"
        f"for m in {modules}:\n"
        f"    importlib.import_module(m)\n"
        f"    if {heavy!r} in sys.modules: sys.exit(print(m))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize("heavy", ["torch", "scipy", "pandas", "matplotlib"])
def test_planning_loads_nothing_heavy(heavy: str) -> None:
    assert loaded_by(["moe_core.study"], heavy) == []


def test_scripts_load_no_torch_but_to_compute() -> None:
    computing = {"adapt", "audit", "expert_parallel_runs", "export", "layer_profile", "microbench"}
    computing |= {"ngram", "precision_speed", "router_kernels", "router_logits", "router_precision"}
    computing |= {"routing", "strategy_panels", "throughput", "token_dropping", "train"}
    computing |= {"audit_images", "images", "train_images", "vision_cost", "vision_routing"}
    scripts = {path.stem for path in (ROOT / "workflow_scripts").glob("[a-z]*.py")}
    assert computing <= scripts
    parts = {"training_job", "expert_parallel_work"}  # of such commands
    others = [f"workflow_scripts.{name}" for name in sorted(scripts - computing - parts)]
    assert loaded_by(others, "torch") == []


def test_tables_load_no_plotting() -> None:
    scripts = (ROOT / "workflow_scripts").glob("*_table.py")
    names = ["summary", "aggregate", "tables", *sorted(path.stem for path in scripts)]
    tables = [f"workflow_scripts.{name}" for name in names]
    assert loaded_by(tables, "matplotlib") == []


@pytest.mark.parametrize("scale", ["quick", "cpu"])
def test_the_exported_run_costs_nothing_where_the_usual_model_is_small(scale: str) -> None:
    study = with_value("scale", scale)
    spec = study.runs[study.exported]
    assert study.exported in study.unified
    assert spec.model.moe
    assert spec.model.moe.strategy == "softk"
    assert spec.seed == study.scale.seeds[0]


def test_the_exported_model_is_small_and_of_characters_whatever_the_study_is() -> None:
    config = changed(lambda c: c["tokenizer"].update(kind="bpe"))
    study = load_study(config | {"scale": "seed"})
    spec = study.runs[study.exported]
    assert study.exported not in study.unified
    assert spec.model.dim == DEFAULT["scales"]["quick"]["model"]["dim"]
    assert spec.training == study.scale.training
    assert study.tokenizers[spec.tokens].kind == "char"
