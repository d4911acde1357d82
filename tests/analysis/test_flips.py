"""Choices that change, counted by hand, and on small trained models."""

from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import pytest
import torch

from moe_core.analysis.flips import (
    EDGES,
    KINDS,
    ROUNDED,
    Choices,
    by_margin,
    choices,
    margin_T,
    read_rounded,
)
from moe_core.corpus.batches import EvaluationWindows, TokenSplit, evaluation_windows
from moe_core.model.moe_layer import CAUSAL
from moe_core.routing import registry
from moe_core.routing.router_net import ROUTER_PRECISIONS
from moe_core.routing.routing import from_mask
from moe_core.training.evaluation import evaluate
from tests.audits.conftest import V, trained

LENGTHS = np.array([137, 150, 161, 190])
LEARNED = [
    name for name in registry.names() if registry.declaration(name)["router_gradient"] != "none"
]


@pytest.fixture(scope="module")
def windows() -> EvaluationWindows:
    tokens = np.random.default_rng(1).integers(0, V, 1 + LENGTHS.sum()).astype(np.uint16)
    return evaluation_windows(TokenSplit(tokens, LENGTHS, LENGTHS), 16, 480, "test")


def test_the_first_choice_has_the_largest_weight():
    weight_TE = torch.tensor([[0.2, 0.7, 0.1], [0.0, 0.0, 0.0], [0.0, 0.4, 0.4]])
    found = choices(from_mask(weight_TE > 0, weight_TE))
    assert found.chosen_TE.tolist() == (weight_TE > 0).tolist()
    assert found.first_T.tolist() == [1, 3, 1]  # nobody; of equals the one that stands first


def test_changes_are_counted_by_hand():
    before = Choices(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=bool), np.array([0, 0, 2]))
    after = Choices(np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1]], dtype=bool), np.array([0, 1, 2]))
    rows = list(by_margin(before, after, np.array([3.0, 1.0, 2.0], dtype=np.float32)))
    assert [row["margin_low"] for row in rows] == [1.0, 2.0, 3.0]
    assert [row["decisions"] for row in rows] == [1, 1, 1]
    assert [row["assignments"] for row in rows] == [4, 3, 4]
    assert [row["assignments_changed"] for row in rows] == [0, 1, 2]
    assert [row["first_changed"] for row in rows] == [1, 0, 0]
    assert [row["set_changed"] for row in rows] == [0, 1, 1]


def test_bins_are_shares_of_all_decisions_by_rising_margin():
    rng = np.random.default_rng(0)
    margin = rng.permutation(1000).astype(np.float32)
    before = Choices(np.eye(2, dtype=bool)[np.zeros(1000, dtype=int)], np.zeros(1000, dtype=int))
    flipped = (margin < 15).astype(int)  # near ties
    after = Choices(np.eye(2, dtype=bool)[flipped], flipped)
    rows = list(by_margin(before, after, margin))
    assert [row["decisions"] for row in rows] == [10, 10, 30, 50, 100, 300, 500]
    assert [row["set_changed"] for row in rows] == [10, 5, 0, 0, 0, 0, 0]
    assert [row["margin_low"] for row in rows] == [1000 * edge for edge in EDGES[:-1]]
    assert all(a["margin_high"] < b["margin_low"] for a, b in pairwise(rows))


def own_margin(strategy: str, z_E: np.ndarray, state: dict[str, np.ndarray], top_k: int) -> float:
    """In float64, by the rule of each kind of strategy."""
    prob_E = np.exp(z_E) / np.exp(z_E).sum()
    if "threshold_E" in state:
        return np.abs(prob_E - state["threshold_E"]).min()
    if strategy == "remoe":
        return np.abs(z_E).min()
    score_E = 1 / (1 + np.exp(-z_E)) if strategy in ("loss_free", "sinkhorn") else prob_E
    best = np.sort(score_E + state["bias_E"] if "bias_E" in state else z_E)[::-1]
    return best[top_k - 1] - best[top_k]


@pytest.mark.parametrize("strategy", [n for n in LEARNED if not n.startswith("as_published")])
def test_margins_are_of_what_a_strategy_chooses_by(strategy, windows):
    model = trained(strategy).eval()
    for layer in model.moe_layers()[0].states:
        if hasattr(layer, "bias_E"):
            layer.bias_E += 0.05 * torch.arange(4)
    with torch.no_grad():
        routed = model(windows.inputs_NS[:3], CAUSAL)[1]
    for layer in routed:
        found = margin_T(layer, model.moe_layers()[0].strategy).numpy()
        state = {name: value.double().numpy() for name, value in layer.context.state.items()}
        k = layer.context.top_k
        expected = [own_margin(strategy, z_E, state, k) for z_E in layer.logits_TE.double().numpy()]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_who_takes_every_expert_has_no_margin(windows):
    model = trained("softk", top_k=4).eval()
    (layer,) = model(windows.inputs_NS[:2], CAUSAL)[1]
    assert margin_T(layer, model.moe_layers()[0].strategy).isinf().all()


@pytest.mark.parametrize("strategy", LEARNED)
def test_float32_is_the_evaluation_and_all_is_left_as_it_was(strategy, windows):
    model = trained(strategy).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    expected = evaluate(model, windows, 4, nullcontext(), CAUSAL).nats_per_story
    found = read_rounded(model, windows, 4)
    assert (found.nats["fp32"] == expected).all()
    assert [*found.nats] == [*ROUTER_PRECISIONS]
    assert (evaluate(model, windows, 4, nullcontext(), CAUSAL).nats_per_story == expected).all()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert {*found.flips.router_precision} == {*ROUNDED}
    steps = model.moe_layers()[0].steps
    counts = found.flips.groupby(["router_precision", "kind", "layer", "step"]).decisions.sum()
    assert (counts == windows.inputs_NS.numel()).all()
    assert len(counts) == len(ROUNDED) * len(KINDS) * steps
    # nothing was changed before the first router, so that both kinds are one there
    first = found.flips[found.flips.layer.eq(0) & found.flips.step.eq(0)].drop(columns="layer")
    local, compounded = (
        first[first.kind.eq(kind)].drop(columns="kind").reset_index(drop=True) for kind in KINDS
    )
    assert local.equals(compounded)


def given_ones(weight_ED: torch.Tensor, windows: EvaluationWindows):
    """A top-1 model of these router weights, whose tokens are all ones to its experts."""
    model = trained("top1").eval()
    with torch.no_grad():
        model.moe_layers()[0].routers[0].weight_ED.copy_(weight_ED)
    model.blocks[0].ffn_norm.register_forward_hook(lambda _, __, out: torch.ones_like(out))
    return read_rounded(model, windows, 4)


def test_wide_margins_never_flip(windows):
    """Logits 16 and -16."""
    found = given_ones(torch.tensor([[1.0], [-1], [-1], [-1]]).expand(4, 16), windows)
    assert found.flips[["assignments_changed", "first_changed", "set_changed"]].sum().sum() == 0
    assert all((nats == found.nats["fp32"]).all() for nats in found.nats.values())


def test_a_near_tie_flips_where_rounding_is_wider_than_its_margin(windows):
    """Logits 1.5005 and 1.501; in steps of 1 / 127 127 + 64 + 0 and 127 + 63 + 0."""
    weight_ED = torch.zeros(4, 16)
    weight_ED[0, :3] = torch.tensor([1.0, 0.5005, 0.0])
    weight_ED[1, :3] = torch.tensor([1.0, 0.499, 0.002])
    found = given_ones(weight_ED, windows)
    counts = found.flips.groupby(["router_precision", "kind"])[["decisions", "set_changed"]].sum()
    assert (counts.set_changed["int8"] == windows.inputs_NS.numel()).all()
    assert (counts.set_changed["fp16"] == 0).all()
    assert (found.nats["int8"] != found.nats["fp32"]).all()
