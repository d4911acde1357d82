"""Experts shared out over real processes train as those of one device do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from moe_core.dispatch.dispatch import BACKENDS
from moe_core.dispatch.expert_parallel import LEGS, Placement, Traffic, _Exchange, predicted
from moe_core.errors import StudyError
from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import Transformer
from moe_core.routing.routing import from_token_choice
from moe_core.training.config import TrainingConfig
from moe_core.training.expert_shards import check_ranks
from moe_core.training.side_by_side import side_by_side
from tests.conftest import moe_of
from tests.training.conftest import HealthConfig
from tests.training.expert_parallel_work import (
    Case,
    multiply_side_by_side,
    train_side_by_side,
    trained,
)

STEPS = 50


def case(strategy: str, crowded: int = 0, **moe: Any) -> Case:
    """A tiny run of fifty steps, tight enough in capacity and clipping for both to act."""
    model = TransformerConfig(
        dim=16,
        layers=2,
        heads=2,
        ffn_hidden=16,
        activation="swiglu",
        tied_head=True,
        moe=moe_of(strategy, **moe),
    )
    training = TrainingConfig(
        batch_size=4,
        seq_len=32,
        steps=STEPS,
        learning_rate=5e-3,
        warmup_steps=3,
        final_learning_rate_fraction=0.1,
        weight_decay=0.1,
        grad_clip=0.5,
        switch_coef=0.01,
        balance_sequences=None,
        z_coef=0.001,
        precision="fp32",
        compile=False,
        dispatch="auto",
        evaluate_every=STEPS,
        valid_tokens=320,
        test_tokens=320,
        health=HealthConfig(
            max_loss_over_uniform=3.0, max_router_logsumexp=100.0, dead_expert_evaluations=None
        ),
    )
    return model, training, crowded


CASES = {
    "capacity": case("softk", capacity_factor=1.0),
    "dropless, uneven, shared expert": case(
        "loss_free", num_experts=5, drop_policy="none", bias_rate=0.01, shared_hidden=8
    ),
    "ranks without a token": case("loss_free", crowded=2, drop_policy="none", bias_rate=0.01),
    "sequential": case("coe", shared_hidden=8),
    "filled columns": case("expert_choice"),
}


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return {name: trained(one) for name, one in CASES.items()}


@pytest.fixture(scope="module", params=[2, 4])
def together(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """By rank; four processes leave out the last two cases."""
    cases = dict(list(CASES.items())[: 7 - request.param])
    return side_by_side(request.param, train_side_by_side, request.param, cases)


def test_fifty_steps_of_one_device(alone: dict[str, Any], together: list[dict[str, Any]]) -> None:
    assert len(together) in (2, 4)
    for rank in together:
        assert len(rank) > 2
        for name, several in rank.items():
            one = alone[name]
            assert several["losses"] == pytest.approx(one["losses"], abs=1e-5), name
            assert several["clipped_by"] == pytest.approx(one["clipped_by"], rel=1e-5), name
    for one in alone.values():
        assert one["losses"][-1] < one["losses"][0] - 1
        assert min(one["clipped_by"]) < 0.5


def test_gradients_and_final_tensors(alone: dict[str, Any], together: list[dict[str, Any]]) -> None:
    for rank in together:
        for name, several in rank.items():
            for kind, tolerance in (("gradients", 1e-6), ("tensors", 1e-5)):
                one = alone[name]
                assert list(several[kind]) == list(one[kind])
                for key, tensor in several[kind].items():
                    torch.testing.assert_close(
                        tensor, one[kind][key], rtol=tolerance, atol=tolerance, msg=f"{name} {key}"
                    )


def test_ranks_agree_to_the_bit(together: list[dict[str, Any]]) -> None:
    first, *others = together
    for rank in others:
        for name, one in first.items():
            for key, tensor in one["tensors"].items():
                assert torch.equal(rank[name]["tensors"][key], tensor), f"{name} {key}"


def test_a_trainer_restored_from_whole_tensors_gives_them_again(
    together: list[dict[str, Any]],
) -> None:
    for rank in together:
        for name, one in rank.items():
            assert any(".experts." in key for key in one["tensors"])
            for key, tensor in one["tensors"].items():
                assert torch.equal(one["restored"][key], tensor), f"{name} {key}"


def test_bytes_sent_are_those_of_the_formula(
    alone: dict[str, Any], together: list[dict[str, Any]]
) -> None:
    for name in together[0]:
        counted = {leg: sum(rank[name]["counted"][leg] for rank in together) for leg in LEGS}
        assert counted == together[0][name]["foreseen"], name
        assert min(counted.values()) > 0
        assert not alone[name]["counted"]


@pytest.mark.parametrize(("processes", "num_experts"), [(2, 3), (3, 3)])
def test_products_with_random_matrices(processes: int, num_experts: int) -> None:
    """All backends; nothing kept, a rank that sends nothing, a rank that gets nothing."""
    for errors in side_by_side(processes, multiply_side_by_side, processes, num_experts):
        assert len(errors) == 4 * len(BACKENDS)
        for error in errors:
            assert max(error.values()) < 1e-5, error


def test_prediction_by_hand() -> None:
    """A token a rank, two experts each; the middle rank of three holds experts 1 and 2."""
    expert_TK = torch.tensor([[0, 1], [2, 3], [3, 0]])
    routing = from_token_choice(expert_TK, torch.ones(3, 2), 4)
    routing = routing.with_kept(torch.tensor([True, True, True, False, True, True]))
    found = predicted([routing, routing], [1, 1, 1], [1, 2, 1], row_bytes=100)
    assert found["counts"] == 2 * 8 * 4 * 2
    assert {found[leg] for leg in LEGS if leg != "counts"} == {2 * 2 * 100}


def test_the_shared_expert_computes_while_rows_are_in_flight(
    model_of: Callable[..., Transformer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In both passes; a group of one process, so that the order of events can be listened to."""
    events: list[str] = []

    def noting(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **named: Any) -> Any:
            events.append(name)
            return method(*arguments, **named)

        return noted

    for name in ("start", "wait"):
        monkeypatch.setattr(_Exchange, name, noting(name, getattr(_Exchange, name)))
    layer = model_of("softk", shared_hidden=8).moe_layers()[0]
    layer.placement = Placement(0, [4], Traffic())
    layer.shared.register_forward_hook(lambda *_: events.append("shared"))
    layer.shared.w_in_EHD.register_hook(lambda _: events.append("shared"))
    x_TD, ids = torch.randn(8, 16, requires_grad=True), torch.zeros(8, dtype=torch.int64)
    dist.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    try:
        y_TD, _ = layer(x_TD, ids, torch.arange(8), 8)
        assert events == ["start", "shared", "wait", "start", "wait"]
        events.clear()
        y_TD.sum().backward()
        assert events == ["start", "wait", "start", "shared", "wait"]
    finally:
        dist.destroy_process_group()


@pytest.mark.parametrize(
    ("strategy", "processes", "said"),
    [
        (None, 2, "a dense model has no experts"),
        ("softk", 1, "one process has all experts"),
        ("softk", 5, "5 processes for 4 experts; allowed: world_size 2 to 4"),
    ],
)
def test_what_cannot_be_shared_out(
    model_of: Callable[..., Transformer], strategy: str | None, processes: int, said: str
) -> None:
    with pytest.raises(StudyError, match=f"^expert_parallel: .*{said}") as error:
        check_ranks(model_of(strategy), processes)
    assert "\n" not in str(error.value)
