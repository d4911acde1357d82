"""The choice of a backend: the nearest measured shape, what runs at all, and nothing else."""

import pytest
import torch

from moe_core.dispatch.auto import Sizes, fastest
from moe_core.dispatch.dispatch import BACKENDS
from moe_core.dispatch.measured import FASTEST
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import from_token_choice


def choice(sizes: Sizes, precision: str) -> str:
    """Of a routing with one choice a token and the sizes given."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    tokens = sizes.experts * sizes.rows
    expert_T1 = torch.arange(tokens).remainder(sizes.experts).unsqueeze(1)
    routing = from_token_choice(expert_T1, torch.ones(tokens, 1), sizes.experts)
    shape = (sizes.experts, sizes.dim, sizes.hidden)
    in_EHD = torch.empty(1, dtype=dtype).expand(shape).transpose(1, 2)
    out_EDF = torch.empty(1, dtype=dtype).expand(shape)
    x_TD = torch.empty(1, dtype=dtype).expand(tokens, sizes.dim)
    return fastest(x_TD, routing, ExpertWeights(in_EHD, out_EDF, "gelu"))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_measured_shape_gets_its_winner(precision: str) -> None:
    threads = "one" if torch.get_num_threads() == 1 else "more"
    table = FASTEST[precision, threads]
    assert len(table) > 8
    assert len(set(table.values())) > 1  # or there would be nothing to choose
    for sizes, winner in table.items():
        assert choice(Sizes(*sizes), precision) == winner


def test_a_shape_beside_a_measured_one_is_treated_alike() -> None:
    threads = "one" if torch.get_num_threads() == 1 else "more"
    for sizes, winner in FASTEST["fp32", threads].items():
        experts, rows, dim, hidden = sizes
        assert choice(Sizes(experts, rows + 1, dim, hidden + 8), "fp32") == winner


def test_every_winner_runs_on_a_cpu() -> None:
    winners = {winner for table in FASTEST.values() for winner in table.values()}
    assert winners <= BACKENDS.keys() - {"reference"}


def test_few_tokens_without_gradients_get_few_operations() -> None:
    few, odd = Sizes(8, 4, 256, 1024), Sizes(8, 4, 256, 1023)
    assert choice(few, "fp32") != "active"
    with torch.no_grad():
        assert choice(few, "fp32") == "active"
        assert choice(odd, "fp32") != "active"  # grouped_mm refuses its rows
        assert choice(Sizes(8, 2048, 256, 1024), "fp32") != "active"


def test_a_compiled_model_gets_static_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert choice(Sizes(8, 2048, 256, 1024), "fp32") == "padded"
    assert choice(Sizes(8, 1, 256, 1024), "fp32") == "padded"  # with gradients
    with torch.no_grad():
        assert choice(Sizes(8, 2048, 256, 1024), "fp32") == "padded"
        assert choice(Sizes(8, 1, 256, 1024), "fp32") == "gathered"
        assert choice(Sizes(8, 16, 256, 1024), "fp32") == "active"
        assert choice(Sizes(8, 16, 256, 1023), "fp32") == "gathered"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_grouped_products_refuse_goes_elsewhere(precision: str) -> None:
    """Beside a shape that they win, widths that they cannot take."""
    for threads in (1, 2):
        won = [
            sizes
            for sizes, winner in FASTEST[precision, "one" if threads == 1 else "more"].items()
            if winner == "grouped"
        ]
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            for experts, rows, dim, hidden in won:
                assert choice(Sizes(experts, rows, dim, hidden + 1), precision) != "grouped"
        finally:
            torch.set_num_threads(before)


def test_grouped_products_win_somewhere() -> None:
    assert any("grouped" in table.values() for table in FASTEST.values())
