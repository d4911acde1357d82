"""Products of router networks in lower precisions, as a kernel of each would make them.

Both factors are rounded and sums are kept wider. bf16 and fp16: kernels sum in float32 and hand the
logits on in their own type, so near logits may tie (cuBLAS; Mixtral's router runs so under bf16).
int8: each row has its own scale, max |x| / 127, symmetric: tokens as they come, weights by expert
(LLM.int8(), arXiv 2208.07339, section 3.1; ZeroQuant, arXiv 2206.01861); sums are
exact in int32, up to D = 133,144, and the scales make them float32. Softmax, gelu and norms are no
products and stay float32.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.routing.router_net import RouterPrecision

LARGEST = 127
SMALLEST_SCALE = torch.finfo(torch.float32).tiny  # of a row of zeros


def float_product(x_TD: Tensor, w_ED: Tensor, dtype: torch.dtype) -> Tensor:
    """``x w^T`` of rounded factors, handed on in that type and read as x's."""
    return F.linear(x_TD.to(dtype), w_ED.to(dtype)).to(x_TD.dtype)


def quantised(x_TD: Tensor) -> tuple[Tensor, Tensor]:
    """q_TD in int8 and scale_T1 with ``x ~ q * scale``, off by half a scale at most."""
    scale_T1 = (x_TD.abs().amax(-1, keepdim=True) / LARGEST).clamp(min=SMALLEST_SCALE)
    return (x_TD / scale_T1).round().to(torch.int8), scale_T1


def int_product(x_TD: Tensor, w_ED: Tensor) -> Tensor:
    """``x w^T`` of int8 factors in int32, as exact on any machine as float64 is on whole numbers.

    Not by the kernel of the machine: that of CPUs saturates without VNNI (pytorch issue 136746) and
    is silently wrong for D = 1 (issue 195066). ``measure.precision_bench`` times it, and checks it.
    """
    return (x_TD.double() @ w_ED.double().T).to(torch.int32)


def scaled_product(
    x_TD: Tensor,
    q_ED: Tensor,
    scale_E1: Tensor,
    multiply: Callable[[Tensor, Tensor], Tensor] = int_product,
) -> Tensor:
    """``x w^T`` of tokens that are quantised here and of weights that are already."""
    q_TD, scale_T1 = quantised(x_TD)
    return multiply(q_TD, q_ED) * scale_T1 * scale_E1.T


def int8_product(x_TD: Tensor, w_ED: Tensor) -> Tensor:
    """``x w^T`` of factors quantised here."""
    return scaled_product(x_TD, *quantised(w_ED))


PRODUCTS: dict[RouterPrecision, Callable[[Tensor, Tensor], Tensor]] = {
    "fp32": F.linear,
    "bf16": partial(float_product, dtype=torch.bfloat16),
    "fp16": partial(float_product, dtype=torch.float16),
    "int8": int8_product,
}
