"""Products in lower precision against exact arithmetic and closed bounds."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moe_core.routing.precision import (
    PRODUCTS,
    float_product,
    int8_product,
    int_product,
    quantised,
)
from moe_core.routing.router_net import ROUTER_NETS, ROUTER_PRECISIONS
from moe_core.routing.scores import build_router, routers_in

TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
seeds = st.integers(0, 2**32)
sizes = st.tuples(st.integers(1, 20), st.integers(1, 300), st.integers(1, 9))


def exact(x_TD: torch.Tensor, w_ED: torch.Tensor) -> np.ndarray:
    return x_TD.numpy().astype(np.int64) @ w_ED.numpy().astype(np.int64).T


def whole_numbers(shape: tuple[int, int, int], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """int8 factors, often at the ends of the range, where a narrow sum would saturate."""
    rng, (tokens, dim, experts) = np.random.default_rng(seed), shape
    values = rng.integers(-127, 128, (tokens + experts, dim))
    ends = np.where(rng.random(values.shape) < 0.5, 127 * np.sign(values), values)
    both = torch.from_numpy(ends.astype(np.int8))
    return both[:tokens], both[tokens:]


@given(sizes, seeds)
def test_integer_products_are_exact(shape, seed):
    x_TD, w_ED = whole_numbers(shape, seed)
    found = int_product(x_TD, w_ED)
    assert found.dtype == torch.int32
    np.testing.assert_array_equal(found.numpy(), exact(x_TD, w_ED))


def test_integer_products_are_exact_where_sums_are_largest():
    x_TD, w_ED = (torch.full((rows, 8192), 127, dtype=torch.int8) for rows in (33, 8))
    np.testing.assert_array_equal(int_product(x_TD, -w_ED).numpy(), -127 * 127 * 8192)


@given(sizes, seeds, st.floats(1e-3, 1e3))
def test_int8_logits_are_within_the_bound_of_rounding(shape, seed, scale):
    """|error| <= (s_w |x|_1 + s_x |w^|_1) / 2, w^ the rounded weights: half a step a factor."""
    tokens, dim, experts = shape
    draw = torch.Generator().manual_seed(seed)
    x_TD = scale * torch.randn(tokens, dim, generator=draw)
    w_ED = torch.randn(experts, dim, generator=draw)
    (_, x_scale_T1), (q_ED, w_scale_E1) = quantised(x_TD), quantised(w_ED)
    x, w = x_TD.double(), w_ED.double()
    rounded = q_ED.double() * w_scale_E1.double()
    bound = w_scale_E1.double().T * x.abs().sum(1, keepdim=True)
    bound = (bound + x_scale_T1.double() * rounded.abs().sum(1)) / 2
    error = (int8_product(x_TD, w_ED).double() - x @ w.T).abs()
    assert (error <= bound * (1 + 1e-4)).all()


def test_each_row_has_its_own_scale():
    x_TD = torch.tensor([[1.0, 0.5], [1000.0, -1000.0], [0.0, 0.0]])
    q_TD, scale_T1 = quantised(x_TD)
    assert q_TD.tolist() == [[127, 64], [127, -127], [0, 0]]
    assert (q_TD * scale_T1)[2].tolist() == [0, 0]
    assert scale_T1[:2, 0].tolist() == pytest.approx([1 / 127, 1000 / 127])


def test_a_row_that_is_no_number_spoils_no_other():
    x_TD = torch.ones(3, 8)
    x_TD[1, 3] = torch.nan
    logits_TE = int8_product(x_TD, torch.ones(2, 8))
    assert logits_TE.isnan().all(1).tolist() == [False, True, False]
    assert logits_TE[[0, 2]].numpy() == pytest.approx(8)


@pytest.mark.parametrize("name", TYPES)
def test_short_floats_are_summed_in_float32(name):
    """4096 ones: a sum in bf16 stops at 256, one in fp16 at 2048."""
    ones = torch.ones(40, 4096)
    assert (float_product(ones, ones[:8], TYPES[name]) == 4096).all()


@pytest.mark.parametrize("name", TYPES)
@given(seed=seeds)
def test_short_floats_round_factors_and_logits(name, seed):
    dtype, draw = TYPES[name], torch.Generator().manual_seed(seed)
    x_TD, w_ED = (torch.randn(rows, 48, generator=draw) for rows in (7, 5))
    found = PRODUCTS[name](x_TD, w_ED)
    assert found.dtype == torch.float32
    assert torch.equal(found, found.to(dtype).float())
    product = x_TD.to(dtype).double() @ w_ED.to(dtype).double().T
    assert torch.allclose(found.double(), product, rtol=torch.finfo(dtype).eps, atol=1e-5)


@pytest.mark.parametrize("net", ROUTER_NETS)
def test_every_product_of_a_net_is_rounded_and_its_weights_are_not(net):
    router = build_router(net, 24, 6)
    with torch.no_grad():
        for seed, parameter in enumerate(router.parameters()):
            parameter.normal_(generator=torch.Generator().manual_seed(seed))
    x_TD = torch.randn(30, 24, generator=torch.Generator().manual_seed(9))
    before = {name: value.clone() for name, value in router.state_dict().items()}
    plain, calls = router(x_TD), []
    steps = {}
    for precision in ROUTER_PRECISIONS:
        with routers_in(precision, router), torch.no_grad():
            steps[precision] = (router(x_TD) - plain).abs().max().item() / plain.std().item()
        with pytest.MonkeyPatch.context() as patch, routers_in(precision, router):
            spy = PRODUCTS[precision]
            patch.setitem(PRODUCTS, precision, lambda x, w, p=spy: calls.append(p) or p(x, w))
            router(x_TD)
    products = {"linear": 1, "mlp": 2, "mlp_hadamard": 3, "cosine": 2}[net]
    assert calls == [PRODUCTS[p] for p in ROUTER_PRECISIONS for _ in range(products)]
    assert steps["fp32"] == 0
    assert 0 < steps["fp16"] < steps["bf16"] < 0.1
    assert steps["fp16"] < steps["int8"] < 0.2
    assert all(torch.equal(value, before[name]) for name, value in router.state_dict().items())


def test_the_precision_ends_with_its_block():
    router = build_router("linear", 4, 2)
    with routers_in("int8", torch.nn.Sequential(router)):
        assert router.precision == "int8"
    with pytest.raises(ZeroDivisionError), routers_in("int8", router):
        raise ZeroDivisionError
    assert router.precision == "fp32"
