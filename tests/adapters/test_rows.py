"""The experiment perft as a table of runs: what is equal between arms, and what differs."""

import json
import re
from typing import Any

import pytest
import torch

from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.base import OwnBase
from moe_core.adapters.labels import LABELS
from moe_core.arms import BUDGETS
from moe_core.model.transformer import Transformer
from moe_core.runs import AdapterSpec, TrainedBase, canonical, cell_name, read_row, run_id
from moe_core.study import Study, load_study
from tests.configurations import DEFAULT, both, changed, put

ADAPTED = re.compile(f"(?:{'|'.join(LABELS)})-[A-Za-z0-9_.-]+")  # as rules/common.smk has it


@pytest.fixture(scope="module")
def study() -> Study:
    """All of the experiment, at the scale cpu."""
    return load_study(DEFAULT | {"scale": "cpu"})


def parameters(spec: AdapterSpec) -> dict[str, int]:
    assert isinstance(spec.base, TrainedBase)
    counts_V = torch.ones(50)
    base = OwnBase(Transformer(spec.base.model, counts_V))
    return AdaptedModel(base, spec.adapter, counts_V, spec.seed).parameter_counts()


def test_d16_alpha_over_rank_is_the_same_for_all(study: Study) -> None:
    adapters = [spec.adapter for spec in study.adapted.values() if spec.adapter.r]
    assert {adapter.scaling for adapter in adapters} == {2.0}
    assert {8, 16, 32} <= {adapter.r for adapter in adapters}


def test_d16_every_method_runs_and_r_at_each_k_of_n(study: Study) -> None:
    adapters = [study.adapted[run].adapter for run in study.perft]
    assert {adapter.peft_type for adapter in adapters} == {*LABELS}
    routed = {(a.routing.top_k, a.num_adapters) for a in adapters if a.routing}
    assert routed == {(1, 4), (2, 4), (1, 8), (2, 8)}


def test_an_arm_has_all_seeds_each_on_the_base_of_its_seed(study: Study) -> None:
    by_cell: dict[str, set[int]] = {}
    for run in study.perft:
        spec = study.adapted[run]
        by_cell.setdefault(cell_name(spec), set()).add(spec.seed)
        assert isinstance(spec.base, TrainedBase)
        base = study.runs[spec.base.run]
        assert (base.seed, base.tokens, base.model) == (spec.seed, spec.tokens, spec.base.model)
        assert spec.base.run in study.unified  # trained for it anyway
    assert {frozenset(seeds) for seeds in by_cell.values()} == {frozenset(range(5))}


def test_arms_of_one_budget_have_as_many_parameters(study: Study) -> None:
    for budget in BUDGETS:
        key = {"trainable": "params_trainable", "active": "params_trainable_active"}[budget]
        runs = {study.adapted[run].adapter.peft_type: run for run in study.matched[budget]}
        counts = {m: parameters(study.adapted[run])[key] for m, run in runs.items()}
        assert counts.keys() == {*LABELS} - {"full"}
        off = {m: count / counts["perft_r"] - 1 for m, count in counts.items()}
        assert max(map(abs, off.values())) < 0.07, off  # ranks are whole numbers
        assert abs(off["perft_s"]) < 0.03


def test_rates_are_tuned_on_seeds_of_their_own(study: Study) -> None:
    tuned = [study.adapted[run] for run in study.adapter_rates]
    compared = [study.adapted[run] for run in study.perft]
    assert not {spec.seed for spec in tuned} & {spec.seed for spec in compared}
    for method in LABELS:
        rates = {s.training.learning_rate for s in tuned if s.adapter.peft_type == method}
        (own,) = {s.training.learning_rate for s in compared if s.adapter.peft_type == method}
        assert min(rates) < own < max(rates)
        assert own in rates


def test_ids_name_equal_rows_and_tell_adapters_from_models(study: Study) -> None:
    parts = (study.runs, study.adapted, study.vision, study.vision_rates)
    assert len(study.all_runs) == sum(map(len, parts))
    for name, spec in study.adapted.items():
        assert run_id(spec) == name
        assert read_row(json.loads(canonical(spec))) == spec
        assert ADAPTED.fullmatch(name)
    assert not any(ADAPTED.fullmatch(name) for name in study.runs)


def test_another_task_is_other_rows_on_the_same_bases() -> None:
    stories = load_study(DEFAULT)
    questions = load_study(changed(put("experiments.perft.task", "commonsense")))
    assert not {*stories.adapted} & {*questions.adapted}
    assert stories.runs.keys() == questions.runs.keys()
    assert {spec.data for spec in questions.adapted.values()} == {"questions"}


def test_a_base_of_transformers_needs_no_run_of_ours() -> None:
    commit = "0123456789" * 4
    hub: dict[str, Any] = {"name": "allenai/OLMoE-1B-7B-0924", "revision": commit}
    targets = put("experiments.perft.lora_targets", ["q_proj", "v_proj"])
    edits = both(put("experiments.perft.base", "hub"), put("experiments.perft.hub", hub))
    study = load_study(changed(both(edits, targets)))
    assert {spec.base.kind for spec in study.adapted.values()} == {"hub"}
    (tokens,) = {spec.tokens for spec in study.adapted.values()}
    assert study.tokenizers[tokens].pretrained.name == hub["name"]
