"""Which class of transformers decodes as a model of the bench does, if any. Free of torch.

What counts is the rule of a decoder without capacity (mode ``CAUSAL``); noise, jitter and what else
is training's alone does not. The tests compare each router named here with the class's own.
"""

from typing import Literal

from moe_core.errors import StudyError
from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.routing import registry

ModelType = Literal["llama", "mixtral", "olmoe", "glm4_moe"]

ARCHITECTURES: dict[ModelType, str] = {
    "llama": "LlamaForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "olmoe": "OlmoeForCausalLM",
    # the router of DeepSeek-V3, whose own class has latent attention, on ordinary attention
    "glm4_moe": "Glm4MoeForCausalLM",
}
DECODES_AS: dict[str, ModelType] = {
    # softmax over the chosen
    "softk": "mixtral",
    "noisy_topk": "mixtral",
    "gshard": "mixtral",
    "frozen_router": "mixtral",
    "as_published_softk": "mixtral",
    "as_published_expert_choice": "mixtral",
    # softmax over all, not renormalised
    "softk_pre": "olmoe",
    "top1": "olmoe",
    # sigmoid, chosen with a bias
    "loss_free": "glm4_moe",
    "sinkhorn": "glm4_moe",
}
# weights that do not depend on the router: with one expert it is a softmax over one
EQUAL_WEIGHTS = ("topk_hard", "as_published_top1", "as_published_topk_hard")


def model_type(model: TransformerConfig) -> ModelType:
    """The class whose logits are the model's. Raises StudyError where there is none, and why."""
    if model.activation != "swiglu":
        raise _refused(f"experts are {model.activation}, and swiglu in every class")
    if model.moe is None:
        return "llama"
    moe, name = model.moe, model.moe.strategy
    kind: ModelType | None = DECODES_AS.get(name)
    if name in EQUAL_WEIGHTS and moe.top_k == 1:
        kind = "mixtral"
    if kind is None:
        raise _refused(f"{name} {_why_none(name)}")
    if moe.router != "linear":
        raise _refused(f"the router is {moe.router}, and linear in every class")
    if kind == "glm4_moe":
        if moe.num_experts == 1:
            raise _refused(f"{ARCHITECTURES[kind]} needs two experts")
        if moe.shared_hidden % model.ffn_hidden:
            raise _refused(
                f"the shared expert is {moe.shared_hidden} wide, and a multiple of "
                f"{model.ffn_hidden} in {ARCHITECTURES[kind]}"
            )
        return kind
    _check_softmax(moe, kind)
    return kind


def _check_softmax(moe: MoEConfig, kind: ModelType) -> None:
    if moe.shared_hidden:
        raise _refused(f"{ARCHITECTURES[kind]} has no shared expert")
    if moe.bias_rate:
        raise _refused(f"the choice is biased, and {ARCHITECTURES[kind]} has no bias")


def _why_none(strategy: str) -> str:
    declared = registry.declaration(strategy)
    if declared["sequential"]:
        return "routes to its experts one after another, and no class does"
    if not declared["reads_logits"]:
        return "has no router network, and every class has one"
    if declared["steers_k"] or declared["fills_capacity"]:
        return "gives a token no fixed number of experts, as every class does"
    if strategy in EQUAL_WEIGHTS:
        return "weighs its experts alike, and no class of several experts does"
    return "is none of the rules that a class is known for"


def _refused(why: str) -> StudyError:
    return StudyError("export", why)
