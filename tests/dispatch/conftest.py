"""Routings of every shape, and experts to send them to."""

import torch
from hypothesis import strategies as st

from moe_core.dispatch.kinds import ExpertKind
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing, from_mask, from_token_choice

D, F = 8, 16  # rows of 16 bytes, which grouped_mm asks for


@st.composite
def routings(draw: st.DrawFn, dtype: torch.dtype = torch.float64) -> Routing:
    """Any sparse matrix with any survivors: idle experts, tokens without an expert, one of each."""
    tokens, experts = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    kept = draw(st.sampled_from([0.0, 0.6, 1.0]))
    if draw(st.booleans()):
        density = draw(st.sampled_from([0.0, 0.3, 1.0]))
        mask_TE = torch.rand(tokens, experts, generator=generator) < density
        weight_TE = torch.randn(tokens, experts, generator=generator, dtype=dtype)
        routing = from_mask(mask_TE, weight_TE)
    else:
        popular_E = draw(st.sampled_from([0.0, 10.0])) * torch.arange(experts)  # 10: one takes all
        score_TE = torch.rand(tokens, experts, generator=generator) + popular_E
        expert_TK = score_TE.topk(draw(st.integers(1, experts))).indices
        weight_TK = torch.randn(expert_TK.shape, generator=generator, dtype=dtype)
        routing = from_token_choice(expert_TK, weight_TK, experts)
    return routing.with_kept(torch.rand(routing.kept_A.shape, generator=generator) < kept)


def weights_of(
    experts: int, activation: ExpertKind, dtype: torch.dtype = torch.float64
) -> ExpertWeights:
    """Unit normal weights."""
    generator = torch.Generator().manual_seed(experts)
    wide = 2 * F if activation == "swiglu" else F
    in_EHD = torch.randn(experts, wide, D, generator=generator, dtype=torch.float64)
    out_EDF = torch.randn(experts, D, F, generator=generator, dtype=torch.float64)
    return ExpertWeights(in_EHD, out_EDF, activation).to(dtype)
