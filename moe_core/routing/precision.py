"""Products of router networks in lower precisions, as a kernel of each would make them.

Both factors are rounded and sums are kept wider. bf16 and fp16: kernels sum in float32 and hand the
logits on in their own type, so near logits may tie (cuBLAS; Mixtral's router runs so under bf16).
int8: each row has its own scale, max |x| / 127, symmetric: tokens as they come, weights by expert
(LLM.int8(), arXiv 2208.07339, section 3.1; ZeroQuant, arXiv 2206.01861, section 3.2); sums are
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
    """``x w^T`` of int8 factors, exact in int32."""
    tokens, num_experts = len(x_TD), len(w_ED)
    if x_TD.is_cuda:
        x_TD, w_ED = for_tensor_cores(x_TD, w_ED)
    return torch._int_mm(x_TD, w_ED.T)[:tokens, :num_experts]


def for_tensor_cores(x_TD: Tensor, w_ED: Tensor) -> tuple[Tensor, Tensor]:
    """Both with the zeros that the kernel of a GPU needs: over 16 rows, D and E multiples of 8."""
    (tokens, dim), num_experts = x_TD.shape, len(w_ED)
    x_TD = F.pad(x_TD, (0, -dim % 8, 0, max(0, 17 - tokens)))
    return x_TD, F.pad(w_ED, (0, -dim % 8, 0, -num_experts % 8))


def scaled_product(x_TD: Tensor, q_ED: Tensor, scale_E1: Tensor) -> Tensor:
    """``x w^T`` of tokens quantised here and of weights quantised before."""
    q_TD, scale_T1 = quantised(x_TD)
    return int_product(q_TD, q_ED) * scale_T1 * scale_E1.T


def int8_product(x_TD: Tensor, w_ED: Tensor) -> Tensor:
    """``x w^T`` of factors quantised here."""
    return scaled_product(x_TD, *quantised(w_ED))


PRODUCTS: dict[RouterPrecision, Callable[[Tensor, Tensor], Tensor]] = {
    "fp32": F.linear,
    "bf16": partial(float_product, dtype=torch.bfloat16),
    "fp16": partial(float_product, dtype=torch.float16),
    "int8": int8_product,
}
