"""What is timed is what it is called, on every shape."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moe_core.measure.precision_bench import for_tensor_cores, prepared, time_precisions
from moe_core.routing.precision import PRODUCTS, int_product
from moe_core.routing.router_net import ROUTER_PRECISIONS


@given(st.integers(1, 20), st.integers(1, 40), st.integers(1, 20))
def test_zeros_for_tensor_cores_change_no_product(tokens, dim, experts):
    draw = torch.Generator().manual_seed(0)
    x_TD, w_ED = (
        torch.randint(-127, 128, (rows, dim), dtype=torch.int8, generator=draw)
        for rows in (tokens, experts)
    )
    x_filled, w_filled = for_tensor_cores(x_TD, w_ED)
    assert len(x_filled) > 16
    assert (len(w_filled) % 8, x_filled.shape[1] % 8) == (0, 0)
    assert torch.equal(int_product(x_filled, w_filled)[:tokens, :experts], int_product(x_TD, w_ED))


def test_a_timed_call_is_the_product_that_is_evaluated():
    x_TD, w_ED = torch.randn(40, 64), torch.randn(8, 64)
    for precision in ROUTER_PRECISIONS:
        call = prepared(precision, x_TD, w_ED)
        assert (call.exact is None) == (precision != "int8")
        same = torch.equal(call.call(), PRODUCTS[precision](x_TD, w_ED))
        assert same or call.exact is False  # a CPU without VNNI saturates, and the row says so


def test_a_row_a_precision_and_shape_beside_float32():
    rows = time_precisions([1, 33], [16], [8], repeats=2, device="cpu")
    assert len(rows) == 2 * len(ROUTER_PRECISIONS)
    for row in rows:
        twin = next(
            r for r in rows if r["tokens"] == row["tokens"] and r["router_precision"] == "fp32"
        )
        assert row["ratio"] == pytest.approx(row["ms"] / twin["ms"])
        assert row["ms_lower_quartile"] <= row["ms"] <= row["ms_upper_quartile"]
        assert ("int_mm" in row["operations"]) == (row["router_precision"] == "int8")
    assert np.isfinite([row["ms"] for row in rows]).all()
