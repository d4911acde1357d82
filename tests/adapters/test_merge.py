import pytest
import torch
from torch import nn

from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.base import HubBase, OwnBase
from moe_core.adapters.merge import merge
from moe_core.errors import StudyError
from moe_core.model.moe_layer import DROPLESS, TRAINING
from moe_core.model.transformer import Transformer
from tests.adapters.conftest import (
    BASES,
    adapted,
    base_of,
    config_for,
    ids,
    logits_of,
    own_base,
    with_random_b,
)
from tests.training.conftest import COUNTS


def alone(model: nn.Module) -> torch.Tensor:
    """Logits of a model that knows of no base."""
    with torch.no_grad():
        if isinstance(model, Transformer):
            return model(ids(), DROPLESS)[0]
        return model(input_ids=ids()).logits


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("method", ["perft_e", "perft_d", "perft_s", "lora"])
def test_a_merged_model_computes_the_same_by_itself(method: str, name: str) -> None:
    model = with_random_b(adapted(method, name))
    before, base = logits_of(model), logits_of(base_of(name).eval())
    merged = merge(model)
    if method == "lora":  # an ordinary model of its kind
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in merged.modules())
    assert (before - base).abs().max() > 1e-2
    torch.testing.assert_close(alone(merged), before, atol=1e-5, rtol=0)
    again = OwnBase(merged) if isinstance(merged, Transformer) else HubBase(merged)
    torch.testing.assert_close(logits_of(again), before, atol=1e-5, rtol=0)
    assert torch.equal(logits_of(model), before)  # it is as it was
    assert not any("lora" in key for key in merged.state_dict())
    plain = base_of(name).model.state_dict()
    if method == "lora":
        assert merged.state_dict().keys() == plain.keys()
    else:
        assert all(torch.equal(merged.state_dict()[key], own) for key, own in plain.items())


def test_a_map_of_an_expert_is_dropped_with_it() -> None:
    base = own_base(capacity_factor=0.5)
    model = with_random_b(AdaptedModel(base, config_for("perft_e", "own"), COUNTS, 0))
    before = logits_of(model, TRAINING)
    assert (before - logits_of(model)).abs().max() > 1e-2
    torch.testing.assert_close(merge(model)(ids(), TRAINING)[0], before, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("method", "why"), [("perft_r", "router"), ("full", "no adapter")])
def test_what_cannot_be_merged_is_told(method: str, why: str) -> None:
    with pytest.raises(StudyError, match=f"^peft_type: {method} cannot be merged: .*{why}"):
        merge(adapted(method, "own"))


def test_a_tied_head_is_not_merged_into_the_embedding() -> None:
    with pytest.raises(StudyError, match=r"^target_modules: head .*same weight"):
        merge(adapted("lora", "own", target_modules=["head"]))
