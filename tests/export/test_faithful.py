"""The table of classes, with the routers of transformers as oracles."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig
from transformers.models.glm4_moe.modeling_glm4_moe import Glm4MoeTopkRouter
from transformers.models.mixtral.modeling_mixtral import MixtralTopKRouter
from transformers.models.olmoe.modeling_olmoe import OlmoeTopKRouter

from moe_core.errors import StudyError
from moe_core.export.exportable import check_exportable
from moe_core.export.faithful import model_type
from moe_core.export.layout import configuration
from moe_core.model.config import TransformerConfig
from moe_core.routing import registry
from moe_core.routing.strategy import RouteContext
from moe_core.study import load_study
from tests.configurations import DEFAULT
from tests.export.conftest import row

T, E, D = 64, 8, 24
ROUTERS = {"mixtral": MixtralTopKRouter, "olmoe": OlmoeTopKRouter, "glm4_moe": Glm4MoeTopkRouter}
OF_CLASS = {
    kind: row(strategy, num_experts=E).model
    for kind, strategy in (("mixtral", "softk"), ("olmoe", "softk_pre"), ("glm4_moe", "loss_free"))
}
X_TD = torch.randn(T, D, generator=torch.Generator().manual_seed(0))
WEIGHT_ED = torch.randn(E, D, generator=torch.Generator().manual_seed(1)) / 4
BIAS_E = torch.linspace(-0.3, 0.3, E)


def theirs_TE(kind: str, top_k: int, bias_E: Tensor) -> Tensor:
    """Combine weights of a class, as a dense matrix."""
    told = configuration(OF_CLASS[kind], 10, 64, 0) | {"num_experts_per_tok": top_k}
    router = ROUTERS[kind](AutoConfig.for_model(**told))
    router.weight.data = WEIGHT_ED
    if kind == "glm4_moe":
        router.e_score_correction_bias = bias_E
    with torch.no_grad():
        _, weight_TK, expert_TK = router(X_TD)
    return torch.zeros(T, E).scatter(1, expert_TK, weight_TK)


def ours_TE(name: str, top_k: int, bias_E: Tensor | None) -> Tensor:
    """Combine weights of a strategy's rule for a decoder."""
    strategy = registry.load(name)
    context = RouteContext(
        token_id_T=torch.zeros(T, dtype=torch.int64),
        position_T=torch.arange(T),
        group_size=T,
        num_experts=E,
        top_k=top_k,
        capacity=T,
    )
    state = strategy.state(E, top_k) if strategy.state else {}
    if bias_E is not None:
        state["bias_E"] = bias_E
    rule = strategy.decode or strategy.route
    return rule(X_TD @ WEIGHT_ED.T, replace(context, state=state)).dense_TE()


@pytest.mark.parametrize("top_k", [1, 2, 3])
@pytest.mark.parametrize("name", registry.names())
def test_a_class_decodes_as_the_strategy_or_none_does(name: str, top_k: int) -> None:
    declared = registry.declaration(name)
    if not declared["min_top_k"] <= top_k <= (declared["max_top_k"] or E):
        pytest.skip("no legal K")
    model = row(name, num_experts=E, top_k=top_k).model
    try:
        kind = model_type(model)
    except StudyError:
        kind = None
    if declared["sequential"] or not declared["reads_logits"]:
        assert kind is None
        return
    same = {
        other
        for other in ROUTERS
        if torch.allclose(theirs_TE(other, top_k, torch.zeros(E)), ours_TE(name, top_k, None))
    }
    assert same == ({kind} if kind else set())


@pytest.mark.parametrize("name", ["loss_free", "sinkhorn"])
def test_the_bias_moves_the_choice_alone(name: str) -> None:
    wanted_TE = ours_TE(name, 2, BIAS_E)
    torch.testing.assert_close(theirs_TE("glm4_moe", 2, BIAS_E), wanted_TE)
    assert not torch.equal(wanted_TE > 0, ours_TE(name, 2, None) > 0)


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("softk", {"activation": "gelu"}, {}, "experts are gelu, and swiglu in every class"),
    ("softk", {}, {"router": "mlp"}, "the router is mlp, and linear in every class"),
    ("softk", {}, {"shared_hidden": 16}, "MixtralForCausalLM has no shared expert"),
    ("top1", {}, {"shared_hidden": 16}, "OlmoeForCausalLM has no shared expert"),
    ("softk", {}, {"bias_rate": 0.1}, "the choice is biased, and MixtralForCausalLM has no bias"),
    ("loss_free", {}, {"shared_hidden": 24}, "the shared expert is 24 wide, and a multiple of 16"),
    ("loss_free", {}, {"num_experts": 1, "top_k": 1}, "Glm4MoeForCausalLM needs two experts"),
    ("topk_hard", {}, {}, "topk_hard weighs its experts alike"),
    ("coe", {}, {}, "coe routes to its experts one after another"),
    ("hash", {}, {}, "hash has no router network"),
    ("remoe", {}, {}, "remoe gives a token no fixed number of experts"),
    ("expert_choice", {}, {}, "expert_choice gives a token no fixed number of experts"),
]


@pytest.mark.parametrize(("strategy", "model", "moe", "words"), REFUSED)
def test_what_no_class_decodes_is_refused_in_words(
    strategy: str, model: dict[str, Any], moe: dict[str, Any], words: str
) -> None:
    with pytest.raises(StudyError, match=words) as refusal:
        model_type(row(strategy, model, **moe).model)
    assert "\n" not in str(refusal.value)


def test_adapters_are_sent_to_their_own_command() -> None:
    run, spec = next(iter(load_study(DEFAULT).adapted.items()))
    with pytest.raises(StudyError, match=f"{run} is adapters, not a model; see `python -m"):
        check_exportable(run, spec)


def test_a_dense_model_of_gelu_is_refused_too() -> None:
    dense: TransformerConfig = row(None, {"activation": "gelu"}).model
    with pytest.raises(StudyError, match="experts are gelu"):
        model_type(dense)
