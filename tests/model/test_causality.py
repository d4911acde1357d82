"""Who can move a logit: never a later token where the rule is causal, never another sequence."""

import pytest
import torch
from torch import Tensor

from moe_core.measure.metrics import load_cv
from moe_core.model.config import DropPolicy, TransformerConfig
from moe_core.model.moe_layer import CAUSAL, DROPLESS, TRAINING, Mode
from moe_core.model.transformer import Transformer, build
from moe_core.routing import registry
from moe_core.routing.draws import Draws
from tests.conftest import HONEST, moe_of

B, S, V = 4, 16, 30
TRIALS = range(4)
DECLARED_CAUSAL = [n for n in HONEST if registry.declaration(n)["causal"]]
NOT_CAUSAL = [n for n in registry.names() if not registry.declaration(n)["causal"]]
WITHIN_SEQUENCE = [n for n in HONEST if registry.declaration(n)["group"] != "batch"]
BALANCED_BY_RULE = ("hash", "position_hash", "expert_choice", "sinkhorn")
skew = pytest.mark.parametrize("skewed", [False, True], ids=["fresh", "skewed"])
MODES = {"at capacity": TRAINING, "dropless": DROPLESS, "decode": CAUSAL}
DECODES = [n for n in HONEST if registry.load(n).decode]  # the others decode as they train


@torch.no_grad()
def model_for(
    name: str, top_k: int, skewed: bool, seed: int, policy: DropPolicy = "position"
) -> Transformer:
    """Half the slots that balanced routing needs; skewed routers all like their first expert.

    In training mode, so that noise and jitter are drawn.
    """
    moe = moe_of(name, top_k=top_k, capacity_factor=0.5, drop_policy=policy, jitter=0.1)
    config = TransformerConfig(
        dim=32, layers=2, heads=2, ffn_hidden=32, activation="swiglu", tied_head=False, moe=moe
    )
    model = build(config, torch.arange(1, V + 1), seed)
    if skewed:
        model.embedding.weight += model.embedding.weight.std()  # a direction all tokens share
        for parameter_name, parameter in model.named_parameters():
            if ".routers." in parameter_name:
                parameter.mul_(2)
                parameter[0] += 0.25
    return model


@torch.no_grad()
def logits(model: Transformer, token_id_BS: Tensor, mode: Mode) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return model(token_id_BS, mode, Draws(generator))[0]


def tokens_of(seed: int) -> Tensor:
    return torch.randint(V, (B, S), generator=torch.Generator().manual_seed(seed))


def moved(before: Tensor, after: Tensor) -> float:
    return float((after - before).abs().max())


def suffix_effect(model: Transformer, seed: int, mode: Mode) -> float:
    """How far new tokens from a random position on move the logits before it."""
    token_id_BS = tokens_of(seed)
    cut = int(torch.randint(S // 4, S, (), generator=torch.Generator().manual_seed(seed)))
    changed_BS = token_id_BS.clone()
    changed_BS[:, cut:] = (changed_BS[:, cut:] + 1 + tokens_of(seed + 100)[:, cut:] % 20) % V
    before, after = (logits(model, ids, mode) for ids in (token_id_BS, changed_BS))
    assert moved(before[:, cut:], after[:, cut:]) > 1e-2
    return moved(before[:, :cut], after[:, :cut])


@skew
@pytest.mark.parametrize("name", DECLARED_CAUSAL)
def test_suffix_moves_no_earlier_logit(name: str, top_k: int, skewed: bool) -> None:
    for seed in TRIALS:
        model = model_for(name, top_k, skewed, seed)
        assert suffix_effect(model, seed, TRAINING) < 1e-5


@skew
@pytest.mark.parametrize("name", registry.names())
def test_d5_the_rule_of_a_decoder_is_causal_for_every_strategy(
    name: str, top_k: int, skewed: bool
) -> None:
    for seed in TRIALS:
        model = model_for(name, top_k, skewed, seed)
        assert suffix_effect(model, seed, CAUSAL) < 1e-5


@pytest.mark.parametrize("mode", ["at capacity", "dropless"])
@skew
@pytest.mark.parametrize("name", NOT_CAUSAL)
def test_d5_suffix_moves_earlier_logits_where_that_is_declared(
    name: str, top_k: int, skewed: bool, mode: str
) -> None:
    for seed in TRIALS:
        model = model_for(name, top_k, skewed, seed)
        assert suffix_effect(model, seed, MODES[mode]) > 1e-3


@pytest.mark.parametrize("policy", ["probability", "random"])
def test_suffix_moves_earlier_logits_under_drop_policies_that_are_not_causal(
    policy: DropPolicy,
) -> None:
    for seed in TRIALS:
        model = model_for("softk", 2, False, seed, policy)
        assert suffix_effect(model, seed, TRAINING) > 1e-3


@skew
@pytest.mark.parametrize(
    ("name", "mode"),
    [(n, m) for n in WITHIN_SEQUENCE for m in MODES if m != "dropless" or n in DECODES],
)
def test_d5_d18_sequence_does_not_depend_on_its_batch(
    name: str, top_k: int, skewed: bool, mode: str
) -> None:
    for seed in TRIALS:
        # without noise, whose draws go by the row
        model, token_id_BS = model_for(name, top_k, skewed, seed).eval(), tokens_of(seed)
        before = logits(model, token_id_BS, MODES[mode])
        neighbours_BS = tokens_of(seed + 100)
        for row in (0, B - 1):
            mixed_BS = neighbours_BS.clone()
            mixed_BS[row] = token_id_BS[row]
            assert moved(before[row], logits(model, mixed_BS, MODES[mode])[row]) < 1e-5
            alone_1S = token_id_BS[row : row + 1]
            assert moved(before[row], logits(model, alone_1S, MODES[mode])[0]) < 1e-5
        order_B = torch.tensor([2, 0, 3, 1])
        assert moved(before[order_B], logits(model, token_id_BS[order_B], MODES[mode])) < 1e-5


@skew
@pytest.mark.parametrize("name", registry.names())
def test_full_pass_is_what_a_decoder_sees_of_each_prefix(
    name: str, top_k: int, skewed: bool
) -> None:
    model, token_id_BS = model_for(name, top_k, skewed, 0).eval(), tokens_of(0)
    full = logits(model, token_id_BS, CAUSAL)
    for length in range(1, S + 1):
        last = logits(model, token_id_BS[:, :length], CAUSAL)[:, -1]
        assert moved(full[:, length - 1], last) < 1e-5


LIMITED = [
    n for n in HONEST if n not in BALANCED_BY_RULE and not registry.declaration(n)["steers_k"]
]


@pytest.mark.parametrize("name", LIMITED)
def test_skewed_routers_are_skewed_and_drop(name: str, top_k: int) -> None:
    fresh, skewed = (
        model_for(name, top_k, skewed, 0).eval()(tokens_of(0))[1] for skewed in (False, True)
    )
    for before, after in zip(fresh, skewed, strict=True):
        assert load_cv(after.routing.load_E()) > max(0.5, load_cv(before.routing.load_E()))
        assert after.routing.kept_A.double().mean() < before.routing.kept_A.double().mean() < 0.6
