"""What stands between the two matrices of an expert, forward and backward on given buffers.

SwiGLU (arXiv 2002.05202, eq. 6) reads the halves of ``pre_AH``, gate and up: silu(gate) * up. A
linear expert, such as an adapter of low rank, passes on what it reads.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from moe_core.dispatch.kinds import ExpertKind

_gelu = torch.ops.aten.gelu.out
_gelu_backward = torch.ops.aten.gelu_backward.grad_input
_silu = torch.ops.aten.silu.out
_silu_backward = torch.ops.aten.silu_backward.grad_input


class Fused(NamedTuple):
    """forward(pre_AH, act_AF) fills act_AF; backward(pre_AH, d_act_AF, d_pre_AH) fills d_pre_AH.

    What is read and what is filled do not overlap.
    """

    forward: Callable[[Tensor, Tensor], None]
    backward: Callable[[Tensor, Tensor, Tensor], None]


def _gelu_forward(pre_AH: Tensor, act_AF: Tensor) -> None:
    _gelu(pre_AH, out=act_AF)


def _gelu_gradient(pre_AH: Tensor, d_act_AF: Tensor, d_pre_AH: Tensor) -> None:
    _gelu_backward(d_act_AF, pre_AH, grad_input=d_pre_AH)


def _swiglu_forward(pre_AH: Tensor, act_AF: Tensor) -> None:
    gate_AF, up_AF = pre_AH.chunk(2, dim=-1)
    _silu(gate_AF, out=act_AF).mul_(up_AF)


def _swiglu_gradient(pre_AH: Tensor, d_act_AF: Tensor, d_pre_AH: Tensor) -> None:
    gate_AF, up_AF = pre_AH.chunk(2, dim=-1)
    d_gate_AF, d_up_AF = d_pre_AH.chunk(2, dim=-1)
    _silu(gate_AF, out=d_up_AF).mul_(d_act_AF)
    torch.mul(d_act_AF, up_AF, out=d_gate_AF)
    _silu_backward(d_gate_AF, gate_AF, grad_input=d_gate_AF)


def _linear_forward(pre_AH: Tensor, act_AF: Tensor) -> None:
    act_AF.copy_(pre_AH)


def _linear_gradient(pre_AH: Tensor, d_act_AF: Tensor, d_pre_AH: Tensor) -> None:
    d_pre_AH.copy_(d_act_AF)


FUSED: dict[ExpertKind, Fused] = {
    "gelu": Fused(_gelu_forward, _gelu_gradient),
    "swiglu": Fused(_swiglu_forward, _swiglu_gradient),
    "linear": Fused(_linear_forward, _linear_gradient),
}


class _Activation(torch.autograd.Function):
    """Keeps pre_AH alone; autograd's own silu * up would keep silu(gate) too."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, kind: ExpertKind) -> Tensor:
        ctx.save_for_backward(pre)
        ctx.kind = kind
        width = pre.shape[-1] // (2 if kind == "swiglu" else 1)
        act = pre.new_empty(*pre.shape[:-1], width)
        FUSED[kind].forward(pre, act)
        return act

    @staticmethod
    def backward(ctx: Any, d_act: Tensor) -> tuple[Tensor, None]:
        (pre,) = ctx.saved_tensors
        d_pre = torch.empty_like(pre)
        FUSED[ctx.kind].backward(pre, d_act, d_pre)
        return d_pre, None


def activate(pre: Tensor, kind: ExpertKind) -> Tensor:
    """act (..., F) of pre (..., H)."""
    return pre if kind == "linear" else _Activation.apply(pre, kind)
