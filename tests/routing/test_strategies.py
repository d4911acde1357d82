"""What each rule decides, before capacity."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from moe_core.dispatch.dispatch import dispatch
from moe_core.measure.metrics import load_cv
from moe_core.model.experts import Experts
from moe_core.routing import registry
from moe_core.routing.draws import Draws
from moe_core.routing.routing import Routing
from moe_core.routing.slots import slots_per_expert
from tests.conftest import HONEST
from tests.routing.conftest import E, V, context_of, logits_of

VARIABLE_K = ("expert_choice", "expert_threshold", "remoe")
TOKEN_CHOICE = [name for name in HONEST if name not in VARIABLE_K]
READS_LOGITS = [name for name in HONEST if registry.declaration(name)["reads_logits"]]
BIASED = sorted({*TOKEN_CHOICE} & {*READS_LOGITS})


def route(
    name: str,
    logits_TE: Tensor,
    top_k: int,
    group_size: int = 32,
    decode: bool = False,
    **given: Any,
) -> Routing:
    """The routing of random token ids, or of these logits; one step of a sequential strategy."""
    strategy, generator = registry.load(name), torch.Generator().manual_seed(1)
    counts_V = torch.randint(100, (V,), generator=generator)
    context = context_of(
        len(logits_TE),
        1 if strategy.sequential else top_k,
        group_size,
        table_VK=strategy.table(counts_V, E, top_k) if strategy.table else None,
        state=strategy.state(E, top_k) if strategy.state else {},
        noise_logits_TE=torch.zeros_like(logits_TE) if strategy.noise_router else None,
    )
    rule = (decode and strategy.decode) or strategy.route
    return rule(logits_TE, replace(context, **given))


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("skew", [0.0, 20.0])
@pytest.mark.parametrize("name", HONEST)
def test_a_routing_is_a_sparse_matrix_in_token_major_order(
    name: str, top_k: int, skew: float, decode: bool
) -> None:
    routing = route(name, logits_of(0, 64, skew), top_k, decode=decode)
    assert (routing.num_tokens, routing.num_experts) == (64, E)
    assert routing.kept_A.all()
    assert (routing.token_A.diff() >= 0).all()
    pair_A = routing.token_A * E + routing.expert_A
    assert pair_A.unique().numel() == pair_A.numel() > 0
    assert set(routing.expert_A.tolist()) <= set(range(E))
    assert (routing.weight_A > 0).all()


@pytest.mark.parametrize("skew", [0.0, 20.0])
@pytest.mark.parametrize("name", TOKEN_CHOICE)
def test_each_token_chooses_k_distinct_experts(name: str, top_k: int, skew: float) -> None:
    k = 1 if registry.declaration(name)["sequential"] else top_k
    chosen_TE = route(name, logits_of(0, 64, skew), top_k).dense_TE() > 0
    assert (chosen_TE.sum(1) == k).all()


@pytest.mark.parametrize("name", ["softk", "softk_pre", "topk_hard", "frozen_router", "loss_free"])
def test_choices_stand_by_falling_preference(name: str) -> None:
    logits_TE = logits_of(0, 64)
    expert_TK = route(name, logits_TE, 3).expert_A.view(64, 3)
    assert expert_TK.tolist() == logits_TE.argsort(-1, descending=True)[:, :3].tolist()


@pytest.mark.parametrize("k", [2, 5, E])
@pytest.mark.parametrize(
    "name", ["softk", "topk_hard", "hash", "position_hash", "noisy_topk", "frozen_router"]
)
def test_d3_weights_of_a_token_sum_to_one(name: str, k: int) -> None:
    weight_T = route(name, logits_of(0, 64), k).dense_TE().sum(1)
    torch.testing.assert_close(weight_T, torch.ones(64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("name", ["topk_hard", "hash", "position_hash"])
def test_d3_hard_weights_are_one_over_k(name: str, k: int) -> None:
    weight_A = route(name, logits_of(0, 64), k).weight_A
    torch.testing.assert_close(weight_A, torch.full((64 * k,), 1 / k), atol=1e-7, rtol=0)


@pytest.mark.parametrize(("name", "k"), [("top1", 1), ("coe", 2), ("softk_pre", 1)])
def test_weight_of_the_best_is_the_largest_probability(name: str, k: int) -> None:
    logits_TE = logits_of(0, 64)
    exp_TE = logits_TE.double().exp()
    expected_T = (exp_TE / exp_TE.sum(1, keepdim=True)).amax(1)
    weight_A = route(name, logits_TE, k).weight_A
    torch.testing.assert_close(weight_A.double(), expected_T, atol=1e-6, rtol=0)


@pytest.mark.parametrize("k", [2, 5, E])
def test_softmax_before_top_k_is_softmax_after_it_but_for_the_norm(k: int) -> None:
    logits_TE = logits_of(0, 64)
    before_TE, after_TE = (route(name, logits_TE, k).dense_TE() for name in ("softk_pre", "softk"))
    prob_TE = logits_TE.double().exp() / logits_TE.double().exp().sum(1, keepdim=True)
    chosen = before_TE > 0
    torch.testing.assert_close(before_TE[chosen].double(), prob_TE[chosen], atol=1e-6, rtol=0)
    assert (before_TE.sum(1) < 1 - 1e-3).all() or k == E
    torch.testing.assert_close(before_TE / before_TE.sum(1, keepdim=True), after_TE)


@pytest.mark.parametrize("name", BIASED)
def test_a_bias_moves_the_choice_and_no_weight(name: str, top_k: int) -> None:
    """The bias makes the least likely expert the first choice; it weighs what it weighed."""
    logits_TE, bias_E = logits_of(0, 64), torch.zeros(E)
    bias_E[3] = 100.0
    routing = route(name, logits_TE, top_k, state={"bias_E": bias_E})
    k = len(routing.expert_A) // 64
    expert_TK, weight_TK = routing.expert_A.view(64, k), routing.weight_A.view(64, k)
    assert (expert_TK[:, 0] == 3).all()
    assert (weight_TK <= 1).all()
    if k > 1:  # the others compete without a bias, as before
        others_TE = logits_TE.clone()
        others_TE[:, 3] = -math.inf
        if name != "sinkhorn":
            assert torch.equal(expert_TK[:, 1], others_TE.argmax(1))


def test_noise_of_a_learned_scale_moves_the_logits_before_the_choice() -> None:
    logits_TE, scale_TE = logits_of(0, 64), 3 * logits_of(1, 64)
    noisy = route(
        "noisy_topk",
        logits_TE,
        3,
        noise=Draws(torch.Generator().manual_seed(7)),
        noise_logits_TE=scale_TE,
    )
    draw_TE = torch.randn(64, E, generator=torch.Generator().manual_seed(7)).double()
    moved_TE = logits_TE.double() + draw_TE * (1 + scale_TE.double().exp()).log()
    expert_TK = moved_TE.argsort(1, descending=True)[:, :3]
    assert noisy.expert_A.view(64, 3).tolist() == expert_TK.tolist()
    exp_TK = moved_TE.gather(1, expert_TK).exp()
    expected_TK = exp_TK / exp_TK.sum(1, keepdim=True)
    torch.testing.assert_close(noisy.weight_A.view(64, 3).double(), expected_TK, atol=1e-5, rtol=0)
    assert not torch.equal(noisy.dense_TE(), route("softk", logits_TE, 3).dense_TE())


@pytest.mark.parametrize("name", ["noisy_topk", "gshard", "frozen_router"])
def test_without_noise_the_rule_is_softk(name: str) -> None:
    logits_TE = logits_of(0, 64)
    quiet = route(name, logits_TE, 2, noise_logits_TE=logits_of(1, 64))
    assert torch.equal(quiet.dense_TE(), route("softk", logits_TE, 2).dense_TE())


@pytest.mark.parametrize("second", [0.05, 0.2, 0.35, 0.5])
def test_gshard_uses_the_second_expert_with_twice_its_weight_as_probability(second: float) -> None:
    tokens = 20_000
    logits_TE = torch.full((tokens, E), -9.0)
    logits_TE[:, 5], logits_TE[:, 2] = math.log(1 - second + 1e-6), math.log(second)
    routing = route("gshard", logits_TE, 2, noise=Draws(torch.Generator().manual_seed(3)))
    load_E = routing.load_E().tolist()
    expected = min(1.0, 2 * second)
    error = math.sqrt(expected * (1 - expected) / tokens)
    assert load_E[5] == tokens
    assert load_E[2] / tokens == pytest.approx(expected, abs=5 * error + 1e-4)
    assert sum(load_E) == load_E[5] + load_E[2]
    weight_E = {e: routing.weight_A[routing.expert_A == e] for e in (5, 2)}
    assert weight_E[5].tolist() == pytest.approx([1 - second] * tokens, abs=1e-5)
    assert weight_E[2].tolist() == pytest.approx([second] * load_E[2], abs=1e-5)


def test_gshard_draws_for_each_token_apart() -> None:
    logits_TE = logits_of(0, 4000)
    used = [
        route(
            "gshard", logits_TE, 2, noise=Draws(torch.Generator().manual_seed(s))
        ).kept_per_token_T()
        for s in (0, 0, 1)
    ]
    assert torch.equal(used[0], used[1])
    assert not torch.equal(used[0], used[2])
    best_TK = logits_TE.double().topk(2).values
    ratio_T = (best_TK[:, 1] - best_TK[:, 0]).exp()
    chance_T = 2 * ratio_T / (1 + ratio_T)
    # as often as each token's own chance says, among the timid and among the bold alike
    for part in (chance_T < 0.5, chance_T >= 0.5):
        seconds = (used[0][part] == 2).double().mean()
        error = math.sqrt(0.25 / int(part.sum()))
        assert float(seconds) == pytest.approx(float(chance_T[part].mean()), abs=4 * error)


@pytest.mark.parametrize("k", [1, 3])
def test_d6_position_hash_reads_the_position_and_nothing_else(k: int) -> None:
    def experts_of(**given: Any) -> list[list[int]]:
        routing = route("position_hash", logits_of(0, 64), k, **given)
        return routing.expert_A.view(64, k).tolist()

    expected = [[(t % 32 + i) % E for i in range(k)] for t in range(64)]
    assert experts_of() == expected
    assert experts_of(token_id_T=torch.arange(64) % V) == expected
    later = experts_of(position_T=torch.arange(64) % 32 + 3)
    assert later == [[(e + 3) % E for e in row] for row in expected]


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
    before = route(name, logits_TE, top_k)
    after = route(name, logits_TE[:, order_E], top_k)
    torch.testing.assert_close(after.dense_TE(), before.dense_TE()[:, order_E])
    assert after.load_E().tolist() == before.load_E()[order_E].tolist()
    y_TD = dispatch(x_TD, before, experts.weights())
    permuted_TD = dispatch(x_TD, after, permuted.weights())
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
    context = context_of(256, 1, 256, capacity=16)
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


def test_expert_choice_breaks_ties_for_the_earlier_token() -> None:
    routing = route("expert_choice", torch.zeros(64, E), 2, group_size=32)
    slots = len(routing.token_A) // (2 * E)
    taken = routing.token_A.unique().tolist()
    assert taken == [*range(slots), *range(32, 32 + slots)]
