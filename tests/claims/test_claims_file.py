"""claims.yaml of the repository, against the experiments that config.yaml asks for."""

from copy import deepcopy
from pathlib import Path

import pandas as pd
import pytest
import yaml

from moe_core.claims.arms import EXPERIMENTS
from moe_core.claims.evidence import Evidence, UntestableError
from moe_core.claims.rules import Concordant, leaves
from moe_core.claims.schema import load_claims
from moe_core.routing import registry
from moe_core.routing.router_net import ROUTER_PRECISIONS
from moe_core.runs import AdapterSpec, ImageSpec, RunSpec, cell_name, dense_width
from moe_core.study import Study, load_study
from moe_core.vision.checks import SOFT_MOE
from workflow_scripts.vision_summary import architecture, balance_of, strategy_of

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
CLAIMS = {claim.id: claim for claim in load_claims(ROOT / "claims.yaml")}
JUDGED = [name for name, claim in CLAIMS.items() if claim.rule]


def columns(run: str, spec: RunSpec) -> dict[str, object]:
    """What a summary says of a run before it is trained."""
    moe = spec.model.moe
    return {
        "cell": cell_name(spec),
        "run": run,
        "strategy": "dense",
        **(moe.model_dump() if moe else {}),
        "ffn_hidden": spec.model.ffn_hidden,
        "dense_width": dense_width(spec.model),
        "dim": spec.model.dim,
        "switch_coef": spec.training.switch_coef,
        "balance_sequences": spec.training.balance_sequences,
        "seed": spec.seed,
        "status": "finished",
    }


def adapter_columns(run: str, spec: AdapterSpec, study: Study) -> dict[str, object]:
    """What the table of adapters says of a run before it is trained."""
    adapter = spec.adapter
    return {
        "cell": cell_name(spec),
        "run": run,
        "strategy": adapter.peft_type,
        "rank": adapter.r,
        "num_adapters": adapter.num_adapters,
        "top_k": adapter.routing.top_k if adapter.routing else None,
        **{f"matched_{budget}": run in runs for budget, runs in study.matched.items()},
        "seed": spec.seed,
        "status": "finished",
    }


def image_columns(run: str, spec: ImageSpec) -> dict[str, object]:
    """What the summary of image runs says of a run before it is trained."""
    return {
        "cell": cell_name(spec),
        "run": run,
        "strategy": strategy_of(spec.model),
        **dict.fromkeys(("num_experts", "top_k", "dense_channels")),
        "balance": balance_of(spec)[0],
        "seed": spec.seed,
        "status": "finished",
        **architecture(spec.model, spec.shape),
    }


@pytest.fixture(scope="module", params=CONFIG["scales"])
def planned(request) -> Evidence:
    """Summaries of the runs of a scale, all audited.

    A smoke scale judges no claim and may train fewer strategies than its claims name; they must
    be in its experiments all the same.
    """
    config = deepcopy(CONFIG) | {"scale": request.param}
    scale = config["scales"][request.param]
    if scale["smoke"]:
        scale["sweep"]["max_strategies"] = None
        scale["adapters"] |= {"most": None, "tuned": True}
        scale["vision"]["most"] = None
    study = load_study(config)
    audited = {"declared": True, "passed": True, "not_audited": None}
    names, kinds = [*registry.names(), SOFT_MOE], ("", "image-")  # of text, and of images
    return Evidence(
        {
            name: pd.DataFrame([columns(run, study.runs[run]) for run in runs])
            for name, runs in study.experiments.items()
        }
        | {
            "perft": pd.DataFrame(
                [adapter_columns(run, study.adapted[run], study) for run in study.perft]
            ),
            "vision": pd.DataFrame([image_columns(*row) for row in study.vision.items()]),
            "precision": pd.DataFrame(
                [
                    columns(f"{run}@{precision}", study.runs[run]) | {"router_precision": precision}
                    for run in study.learned
                    for precision in ROUTER_PRECISIONS
                ]
            ),
        },
        {},
        pd.DataFrame([{"strategy": n, "cell": kind} | audited for n in names for kind in kinds]),
    )


def test_every_claim_stands_there_once():
    numbers = [*range(1, 28), *range(29, 32), *range(36, 43)]
    assert [*CLAIMS] == [f"C{number:02d}" for number in numbers]


def test_no_claim_awaits_an_experiment():
    assert not [name for name, claim in CLAIMS.items() if claim.awaits]


def test_experiments_are_those_of_the_study():
    assert {*load_study(CONFIG).experiments, "perft", "precision", "vision"} == {*EXPERIMENTS}


@pytest.mark.parametrize("name", JUDGED)
def test_every_arm_of_a_claim_is_one_cell_of_the_study(planned, name):
    rule = CLAIMS[name].rule
    assert rule
    for leaf in leaves(rule):
        cells, sides = [], []
        for arm in leaf.arms():
            rows = planned.runs(arm)
            cells.append((rows.cell.iloc[0], arm.router_precision))
            sides.append({*rows.run})
            if arm.minus_dense:
                assert {*rows.index} <= {*planned.runs(planned.dense(arm)).index}
        if not isinstance(leaf, Concordant):
            assert len({*cells}) == len(cells), f"{leaf} compares an arm with itself"
        elif leaf.first.measure == leaf.second.measure:
            half = len(sides) // 2
            first, second = set().union(*sides[:half]), set().union(*sides[half:])
            assert not first & second, f"{leaf} ranks the same runs twice"


def test_an_arm_that_no_experiment_trains_would_be_noticed(planned):
    arm = next(leaves(CLAIMS["C02"].rule)).arms()[0]
    with pytest.raises(UntestableError):
        planned.runs(arm.model_copy(update={"capacity_factor": 7.0}))
