"""Parameters and analytic FLOPs. A multiply-add counts two."""

from dataclasses import dataclass

from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.routing import registry
from moe_core.routing.router_net import router_parameters


@dataclass(frozen=True)
class Cost:
    """Parameters in all and those one token uses; FLOPs of a training step per token."""

    params_total: int
    params_active: float
    train_flops_per_token: float


def cost(
    config: TransformerConfig, vocab_size: int, seq_len: int, assignments_per_token: float
) -> Cost:
    """Count a model whose tokens each reach ``assignments_per_token`` experts (1 if dense).

    Forward: attention projections, scores and values over the (S + 1) / 2 keys that a causal
    token sees on average, router, experts, head. Backward costs twice the forward.
    """
    dim = config.dim
    matrices = 3 if config.activation == "swiglu" else 2
    expert = matrices * dim * config.ffn_hidden
    num_experts = config.moe.num_experts if config.moe else 1
    router = _router(config.moe, dim) if config.moe else 0
    shared = matrices * dim * config.moe.shared_hidden if config.moe else 0
    norms = 2 * dim
    attention = 4 * dim * dim
    head = dim * vocab_size
    embedding = 0 if config.tied_head else head
    layer_active = attention + router + shared + assignments_per_token * expert
    keys = (seq_len + 1) / 2
    forward = config.layers * (2 * layer_active + 2 * 2 * keys * dim) + 2 * head
    layer_total = attention + router + shared + num_experts * expert + norms
    return Cost(
        params_total=config.layers * layer_total + dim + head + embedding,
        params_active=config.layers * (layer_active + norms) + dim + head + embedding,
        train_flops_per_token=3 * forward,
    )


def _router(moe: MoEConfig, dim: int) -> int:
    """Parameters of all router networks of a layer."""
    declared = registry.declaration(moe.strategy)
    networks = moe.top_k if declared["sequential"] else int(declared["reads_logits"])
    noise = declared["noise_router"] * router_parameters("linear", dim, moe.num_experts)
    return networks * router_parameters(moe.router, dim, moe.num_experts) + noise
