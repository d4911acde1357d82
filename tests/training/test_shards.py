"""A batch in parts trains as the whole batch does."""

from collections.abc import Callable

import pytest
import torch

from moe_core.errors import StudyError
from moe_core.routing import registry
from moe_core.training.loop import Trainer
from moe_core.training.shards import largest_cut, shard_rows
from tests.conftest import HONEST

TrainerOf = Callable[..., Trainer]
EVERYTHING = {"capacity_factor": 0.75, "jitter": 0.1, "shared_hidden": 8}


def trained(trainer: Trainer, steps: int = 6) -> list[float]:
    return [float(trainer.step(step)) for step in range(steps)]


@pytest.mark.parametrize("parts", [2, 3, 4])
@pytest.mark.parametrize("strategy", [None, *HONEST])
def test_micro_batches_make_the_steps_of_the_whole_batch(
    trainer_of: TrainerOf, strategy: str | None, parts: int
) -> None:
    moe = EVERYTHING | {"bias_rate": 0.01} if strategy else None
    whole, cut = (
        trainer_of(strategy, moe=moe, micro_batches=n, switch_coef=0.1, z_coef=0.01)
        for n in (1, parts)
    )
    assert trained(cut) == pytest.approx(trained(whole), rel=1e-5)
    assert cut.router_grad_norm() == pytest.approx(whole.router_grad_norm(), rel=1e-3)
    expected = whole.model.state_dict()
    for name, tensor in cut.model.state_dict().items():
        if ".states." in name:  # biases, thresholds and weights of losses are of the whole batch
            torch.testing.assert_close(tensor, expected[name], rtol=1e-4, atol=1e-5, msg=name)
    for a, b in zip(cut.layers, whole.layers, strict=True):
        assert torch.equal(a.routing.token_A, b.routing.token_A)
        assert torch.equal(a.routing.expert_A, b.routing.expert_A)
        assert torch.equal(a.routing.kept_A, b.routing.kept_A)


def test_a_choice_over_the_whole_batch_is_not_cut(trainer_of: TrainerOf) -> None:
    published = [n for n in registry.names() if registry.load(n).group == "batch"]
    assert published
    for strategy in published:
        assert largest_cut(trainer_of(strategy).model.all_routing(), 8) == 1
        with pytest.raises(StudyError, match="cannot be cut into 2 parts"):
            trainer_of(strategy, micro_batches=2)
    with pytest.raises(StudyError, match="cannot be cut"):
        trainer_of("softk", moe={"drop_policy": "random"}, micro_batches=2)


def test_parts_are_consecutive_and_as_equal_as_can_be() -> None:
    for batch in range(1, 20):
        for parts in range(1, batch + 1):
            rows = shard_rows(batch, parts)
            sizes = [r.stop - r.start for r in rows]
            assert [r.start for r in rows] == [sum(sizes[:i]) for i in range(parts)]
            assert sum(sizes) == batch
            assert max(sizes) - min(sizes) <= 1
