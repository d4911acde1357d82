"""Feed-forward layers to time: ours by backend, dense ones of equal active FLOPs, and the peers.

A builder takes a Shape and returns a module from x_TD to y_TD with, as ``flops``, its products'
FLOPs over those of the shape. Peers are used as their packages have them; one that is not
installed, or does not run on the device, is left out.
"""

import importlib.util
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moe_core.dispatch.kinds import Backend
from moe_core.model.config import MoEConfig
from moe_core.model.experts import Experts
from moe_core.model.transformer import routed_experts

SEQUENCE = 256
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
INPUTS = 4  # different ones, in turn
Row = dict[str, Any]  # of the JSON


@dataclass(frozen=True)
class Shape:
    """T tokens of width D, E experts of hidden width F (GELU, two matrices), K of them a token."""

    tokens: int
    dim: int
    hidden: int
    experts: int
    top_k: int
    dtype: torch.dtype
    device: str

    def flops(self) -> float:
        """Of the expert products, forward and backward."""
        return 3 * 4 * self.tokens * self.top_k * self.dim * self.hidden


Builder = Callable[[Shape], nn.Module]


class Dense(nn.Module):
    """The limit: a plain feed-forward layer, hidden width K * F, as anyone would write it."""

    flops = 1.0

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        wide = shape.top_k * shape.hidden
        self.up = nn.Linear(shape.dim, wide, bias=False)
        self.down = nn.Linear(wide, shape.dim, bias=False)

    def forward(self, x_TD: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x_TD)))


class OurDense(nn.Module):
    """One expert of hidden width K * F, as our dense models have it."""

    flops = 1.0

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.experts = Experts(1, shape.dim, shape.top_k * shape.hidden, "gelu")

    def forward(self, x_TD: Tensor) -> Tensor:
        return self.experts(x_TD)


class Ours(nn.Module):
    """A whole MoELayer: router, strategy, dispatch. capacity_factor None: nothing is dropped."""

    flops = 1.0

    def __init__(self, shape: Shape, backend: Backend, capacity_factor: float | None) -> None:
        super().__init__()
        config = MoEConfig(
            strategy="softk" if shape.top_k > 1 else "top1",
            router="linear",
            num_experts=shape.experts,
            top_k=shape.top_k,
            capacity_factor=capacity_factor or 1.0,
            drop_policy="position" if capacity_factor else "none",
            shared_hidden=0,
            jitter=0.0,
            bias_rate=0.0,
        )
        self.layer = routed_experts(config, shape.dim, shape.hidden, "gelu", torch.ones(1))
        self.layer.backend = backend
        sequences = shape.tokens // SEQUENCE
        self.register_buffer("id_T", torch.zeros(shape.tokens, dtype=torch.int64))
        self.register_buffer("position_T", torch.arange(SEQUENCE).repeat(sequences))

    def forward(self, x_TD: Tensor) -> Tensor:
        return self.layer(x_TD, self.id_T, self.position_T, SEQUENCE)[0]


class Mixtral(nn.Module):
    """transformers: Mixtral's sparse block, SwiGLU at the hidden width of equal FLOPs."""

    def __init__(self, shape: Shape, implementation: str) -> None:
        super().__init__()
        from transformers import MixtralConfig
        from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

        hidden = math.ceil(shape.hidden * 2 / 3 / 16) * 16
        config = MixtralConfig(
            hidden_size=shape.dim,
            intermediate_size=hidden,
            num_local_experts=shape.experts,
            num_experts_per_tok=shape.top_k,
            num_attention_heads=4,
        )
        config._experts_implementation = implementation
        self.block = MixtralSparseMoeBlock(config)
        self.flops = 3 * hidden / (2 * shape.hidden)

    def forward(self, x_TD: Tensor) -> Tensor:
        return self.block(x_TD.unsqueeze(0)).squeeze(0)


class TwoMatrices(nn.Module):
    """transformers: the two-matrix experts of Nemotron-H behind Mixtral's router, grouped_mm."""

    flops = 1.0

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        from transformers import MixtralConfig
        from transformers.models.mixtral.modeling_mixtral import MixtralTopKRouter
        from transformers.models.nemotron_h.modeling_nemotron_h import NemotronHExperts

        self.gate = MixtralTopKRouter(
            MixtralConfig(
                hidden_size=shape.dim,
                num_local_experts=shape.experts,
                num_experts_per_tok=shape.top_k,
                num_attention_heads=4,
            )
        )
        self.experts = NemotronHExperts(
            SimpleNamespace(
                n_routed_experts=shape.experts,
                hidden_size=shape.dim,
                moe_intermediate_size=shape.hidden,
                moe_latent_size=None,
                mlp_hidden_act="gelu",
                _experts_implementation="grouped_mm",
            )
        )

    def forward(self, x_TD: Tensor) -> Tensor:
        _, weight_TK, expert_TK = self.gate(x_TD)
        return self.experts(x_TD, expert_TK, weight_TK)


class StMoe(nn.Module):
    """st-moe-pytorch: GEGLU, groups of 1,024 tokens, capacity 1.25."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        from st_moe_pytorch import MoE

        hidden = math.ceil(shape.hidden * 2 / 3 / 16) * 16
        self.amp = shape.dtype
        self.flops = 3 * hidden / (2 * shape.hidden)
        self.moe = MoE(
            shape.dim,
            num_experts=shape.experts,
            expert_hidden_mult=(hidden + 0.01) * 1.5 / shape.dim,
            gating_top_n=shape.top_k,
            threshold_train=0.0,
            threshold_eval=0.0,
            capacity_factor_train=1.25 * shape.top_k,
        )

    def forward(self, x_TD: Tensor) -> Tensor:
        return in_groups(self.moe, x_TD, self.amp)


class LucidMoe(nn.Module):
    """mixture-of-experts: GELU, groups of 1,024 tokens, capacity 1.25."""

    flops = 1.0

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        from mixture_of_experts import MoE

        self.amp = shape.dtype
        self.moe = MoE(
            shape.dim,
            num_experts=shape.experts,
            hidden_dim=shape.hidden,
            activation=nn.GELU,
            capacity_factor_train=1.25 * shape.top_k,
            second_policy_train="all" if shape.top_k == 2 else "none",
        )

    def forward(self, x_TD: Tensor) -> Tensor:
        return in_groups(self.moe, x_TD, self.amp)


def in_groups(moe: nn.Module, x_TD: Tensor, dtype: torch.dtype) -> Tensor:
    """Their weights stay fp32; bf16 is autocast."""
    x_GSD = x_TD.view(-1, min(1024, len(x_TD)), x_TD.shape[1])
    with torch.autocast(x_TD.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        return moe(x_GSD)[0].flatten(0, 1)


class ScatterMoe(nn.Module):
    """scattermoe: its MLP behind a plain top-k router; CUDA alone."""

    flops = 1.0

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        from scattermoe.mlp import MLP

        self.gate = nn.Linear(shape.dim, shape.experts, bias=False)
        self.top_k = shape.top_k
        self.mlp = MLP(
            input_size=shape.dim,
            hidden_size=shape.hidden,
            num_experts=shape.experts,
            top_k=shape.top_k,
            activation=nn.GELU(),
        )

    def forward(self, x_TD: Tensor) -> Tensor:
        weight_TK, expert_TK = self.gate(x_TD).float().softmax(-1).topk(self.top_k)
        return self.mlp(x_TD, weight_TK.to(x_TD.dtype), expert_TK)


class MegaBlocks(nn.Module):
    """megablocks: its dropless MoE; CUDA alone."""

    flops = 1.0

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        from megablocks.layers.arguments import Arguments
        from megablocks.layers.dmoe import dMoE

        self.moe = dMoE(
            Arguments(
                hidden_size=shape.dim,
                ffn_hidden_size=shape.hidden,
                moe_num_experts=shape.experts,
                moe_top_k=shape.top_k,
                mlp_type="mlp",
                mlp_impl="grouped",
                bias=False,
                return_bias=False,
                bf16=shape.dtype == torch.bfloat16,
                fp16=False,
                device=torch.device(shape.device),
            )
        )

    def forward(self, x_TD: Tensor) -> Tensor:
        y = self.moe(x_TD.unsqueeze(1))
        return (y[0] if isinstance(y, tuple) else y).squeeze(1)


def original(folder: Path) -> Builder:
    """The code that this project comes from, a checkout of it in ``folder``."""
    sys.path.insert(0, str(folder))

    def build(shape: Shape) -> nn.Module:
        from moe_routing_bench.modules import MoEFeedForward

        class Original(nn.Module):
            flops = 1.0

            def __init__(self) -> None:
                super().__init__()
                self.moe = MoEFeedForward(
                    shape.dim,
                    shape.experts,
                    shape.top_k,
                    ffn_mult=shape.hidden // shape.dim,
                    strategy="softk" if shape.top_k > 1 else "top1",
                    capacity_factor=1.25,
                )

            def forward(self, x_TD: Tensor) -> Tensor:
                return self.moe(x_TD.unsqueeze(0))[0].squeeze(0)

        return Original()

    return build


def peers(device: str, original_folder: Path | None) -> dict[str, Builder]:
    """Those that are at hand."""
    needs: list[tuple[str, str, str, Builder]] = [
        (
            "transformers Mixtral, grouped_mm",
            "transformers",
            "any",
            lambda s: Mixtral(s, "grouped_mm"),
        ),
        ("transformers two-matrix, grouped_mm", "transformers", "any", TwoMatrices),
        ("st-moe-pytorch", "st_moe_pytorch", "any", StMoe),
        ("mixture-of-experts", "mixture_of_experts", "any", LucidMoe),
        ("scattermoe", "scattermoe", "cuda", ScatterMoe),
        ("megablocks", "megablocks", "cuda", MegaBlocks),
    ]
    found = {
        name: build
        for name, package, where, build in needs
        if where in ("any", device) and importlib.util.find_spec(package)
    }
    if original_folder:
        found["the original"] = original(original_folder)
    return found


def prepared(module: nn.Module, shape: Shape) -> nn.Module:
    """Random weights, the precision and device of the shape; what keeps its own, keeps it."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=max(1, parameter.shape[-1]) ** -0.5)
    module = module.to(shape.device)
    if not hasattr(module, "amp"):
        module = module.to(shape.dtype)
    if isinstance(module, Ours):
        module.layer.routers.float()  # routers stay exact, as in training
    return module
