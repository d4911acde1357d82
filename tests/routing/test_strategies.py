"""What each rule decides, before capacity."""

import pytest
import torch
from torch import Tensor

from moe_core.dispatch.reference import dispatch
from moe_core.measure.metrics import load_cv
from moe_core.model.experts import Experts
from moe_core.routing import registry
from moe_core.routing.capacity import slots_per_expert
from moe_core.routing.routing import Routing
from moe_core.routing.strategy import RouteContext

E, V = 8, 50
TOKEN_CHOICE = [n for n in registry.names() if registry.declaration(n)["group"] == "token"]
READS_LOGITS = [n for n in registry.names() if registry.declaration(n)["reads_logits"]]


def logits_of(seed: int, tokens: int, skew: float = 0.0) -> Tensor:
    """Random logits; skew lifts the first expert above the others for every token."""
    logits_TE = torch.randn(tokens, E, generator=torch.Generator().manual_seed(seed))
    return logits_TE + skew * (torch.arange(E) == 0)


def route(name: str, logits_TE: Tensor, top_k: int, group_size: int) -> Routing:
    """The routing of random token ids, or of these logits."""
    strategy, generator = registry.load(name), torch.Generator().manual_seed(1)
    token_id_T = torch.randint(V, (len(logits_TE),), generator=generator)
    counts_V = torch.randint(100, (V,), generator=generator)
    context = RouteContext(
        token_id_T,
        group_size,
        E,
        top_k,
        slots_per_expert(1.0, top_k, group_size, E),
        strategy.table(counts_V, E, top_k) if strategy.table else None,
    )
    return strategy.route(logits_TE, context)


@pytest.mark.parametrize("skew", [0.0, 20.0])
@pytest.mark.parametrize("name", registry.names())
def test_a_routing_is_a_sparse_matrix_in_token_major_order(
    name: str, top_k: int, skew: float
) -> None:
    routing = route(name, logits_of(0, 64, skew), top_k, group_size=32)
    assert (routing.num_tokens, routing.num_experts) == (64, E)
    assert routing.kept_A.all()
    assert (routing.token_A.diff() >= 0).all()
    pair_A = routing.token_A * E + routing.expert_A
    assert pair_A.unique().numel() == pair_A.numel()
    assert set(routing.expert_A.tolist()) <= set(range(E))
    assert (routing.weight_A > 0).all()


@pytest.mark.parametrize("skew", [0.0, 20.0])
@pytest.mark.parametrize("name", TOKEN_CHOICE)
def test_each_token_chooses_k_distinct_experts(name: str, top_k: int, skew: float) -> None:
    chosen_TE = route(name, logits_of(0, 64, skew), top_k, group_size=32).dense_TE() > 0
    assert (chosen_TE.sum(1) == top_k).all()


@pytest.mark.parametrize("name", ["softk", "topk_hard"])
def test_choices_stand_by_falling_preference(name: str) -> None:
    logits_TE = logits_of(0, 64)
    expert_TK = route(name, logits_TE, 3, group_size=32).expert_A.view(64, 3)
    assert expert_TK.tolist() == logits_TE.argsort(-1, descending=True)[:, :3].tolist()


@pytest.mark.parametrize("k", [2, 5, E])
@pytest.mark.parametrize("name", ["softk", "topk_hard", "hash"])
def test_d3_weights_of_a_token_sum_to_one(name: str, k: int) -> None:
    weight_T = route(name, logits_of(0, 64), k, group_size=32).dense_TE().sum(1)
    torch.testing.assert_close(weight_T, torch.ones(64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("name", ["topk_hard", "hash"])
def test_d3_hard_weights_are_one_over_k(name: str, k: int) -> None:
    weight_A = route(name, logits_of(0, 64), k, group_size=32).weight_A
    torch.testing.assert_close(weight_A, torch.full((64 * k,), 1 / k), atol=1e-7, rtol=0)


def test_top1_weight_is_the_largest_probability() -> None:
    logits_TE = logits_of(0, 64)
    weight_A = route("top1", logits_TE, 1, group_size=32).weight_A
    exp_TE = logits_TE.double().exp()
    expected_T = (exp_TE / exp_TE.sum(1, keepdim=True)).amax(1)
    torch.testing.assert_close(weight_A.double(), expected_T, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", READS_LOGITS)
def test_permuting_experts_permutes_the_routing_and_not_the_output(name: str, top_k: int) -> None:
    logits_TE, order_E = logits_of(0, 64), torch.tensor([3, 0, 7, 1, 6, 2, 5, 4])
    x_TD = torch.randn(64, 6, generator=torch.Generator().manual_seed(2))
    experts, permuted = Experts(E, 6, 10, "swiglu"), Experts(E, 6, 10, "swiglu")
    with torch.no_grad():
        for seed, (ours, theirs) in enumerate(
            zip(experts.parameters(), permuted.parameters(), strict=True)
        ):
            ours.normal_(generator=torch.Generator().manual_seed(seed))
            theirs.copy_(ours[order_E])
    before = route(name, logits_TE, top_k, group_size=32)
    after = route(name, logits_TE[:, order_E], top_k, group_size=32)
    torch.testing.assert_close(after.dense_TE(), before.dense_TE()[:, order_E])
    assert after.load_E().tolist() == before.load_E()[order_E].tolist()
    y_TD, permuted_TD = dispatch(x_TD, before, experts), dispatch(x_TD, after, permuted)
    torch.testing.assert_close(permuted_TD, y_TD, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("skew", [0.0, 20.0])
def test_d4_expert_choice_fills_every_expert_of_every_sequence(skew: float) -> None:
    size, k = 256, 3
    capacity = slots_per_expert(1.0, k, size, E)
    assert capacity == 96  # above 64, where the original stopped
    routing = route("expert_choice", logits_of(0, 2 * size, skew), k, size)
    taken_GSE = (routing.dense_TE() > 0).view(2, size, E)
    assert (taken_GSE.sum(1) == capacity).all()
    assert load_cv(routing.load_E()) == 0


def test_d4_expert_choice_does_not_fall_back_to_token_choice() -> None:
    # the first half of the tokens outbids the second for every expert
    logits_TE = torch.zeros(256, E)
    logits_TE[:128] += torch.eye(E)[torch.arange(128) % E] * 1e-3
    context = RouteContext(torch.zeros(256, dtype=torch.int64), 256, E, 1, 16)
    routing = registry.load("expert_choice").route(logits_TE, context)
    unchosen_T = routing.kept_per_token_T() == 0
    assert unchosen_T.tolist() == [False] * 128 + [True] * 128


def test_d22_expert_choice_gives_no_slot_to_a_zero_weight() -> None:
    logits_TE = logits_of(0, 128)
    routing = route("expert_choice", logits_TE, 2, group_size=64)
    prob_TE = logits_TE.double().exp() / logits_TE.double().exp().sum(1, keepdim=True)
    expected_A = prob_TE[routing.token_A, routing.expert_A]
    torch.testing.assert_close(routing.weight_A.double(), expected_A, atol=1e-6, rtol=0)
    assert (routing.weight_A > 0).all()
