"""Matrices stored by columns are the same matrices."""

import pytest
import torch

from moe_core.inference.layout import store_by_columns
from moe_core.model.moe_layer import CAUSAL
from tests.inference.test_decoder import V, model_for


@pytest.mark.parametrize("name", [None, "softk", "noisy_topk"])
def test_the_model_stays_what_it_is(name: str | None) -> None:
    model = model_for(name, torch.float64)
    model.head.weight = model.embedding.weight  # as a tied model has it
    ids_BS = torch.arange(V)[None]
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        logits_BSV = model(ids_BS, CAUSAL)[0]
        store_by_columns(model)
        torch.testing.assert_close(model(ids_BS, CAUSAL)[0], logits_BSV, atol=1e-12, rtol=0)
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[key])
    assert model.embedding.weight.is_contiguous()
    for parameter in (*model.blocks.parameters(), model.head.weight):
        assert parameter.dim() == 1 or parameter.stride(-2) == 1
