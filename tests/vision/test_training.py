"""Image models through the loop of language models."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from moe_core.errors import StudyError
from moe_core.images.digits import digit_images
from moe_core.images.image_set import ImageSet, open_images, write_images
from moe_core.model.moe_layer import CAUSAL
from moe_core.routing.draws import Draws
from moe_core.training.config import ImageTrainingConfig
from moe_core.training.loop import train
from moe_core.training.run import TrainedRun, complete
from moe_core.vision.config import ImageShape, ResNetConfig
from moe_core.vision.model import build_image_model
from moe_core.vision.training import (
    Examined,
    ImageTrainer,
    largest_cut,
    measure_images,
    read_images,
)
from tests.configurations import changed
from tests.vision.conftest import cnn

SHAPE = ImageShape(channels=1, size=8, classes=10)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    folder = tmp_path_factory.mktemp("digits")
    write_images(folder, digit_images(8), 0.1, 0.25)
    return open_images(folder)


def training(**changes: Any) -> ImageTrainingConfig:
    quick = changed(lambda config: None)["scales"]["quick"]["vision"]["training"]
    small = {"steps": 30, "batch_size": 32, "evaluate_every": 15, "warmup_steps": 5, "shift": 0}
    return ImageTrainingConfig.model_validate(quick | small | changes)


def trainer_of(images: ImageSet, strategy: str | None, parts: int = 1, **changes: Any) -> Any:
    config = cnn(strategy, (8, 16), num_experts=4, drop_policy="none")
    model = build_image_model(config, SHAPE, seed=0)
    return ImageTrainer(model, images, training(**changes), 0, "cpu", micro_batches=parts)


def trained(images: ImageSet, strategy: str | None, **changes: Any) -> TrainedRun:
    valid, test = (
        Examined(images.splits[name].image_NCHW, images.splits[name].label_N)
        for name in ("valid", "test")
    )
    trainer = trainer_of(images, strategy, **changes)
    return complete("run", trainer, valid, test, read=measure_images)


def test_a_mixture_learns_digits_and_tells_what_its_experts_do(digits: ImageSet) -> None:
    done = trained(digits, "softk", steps=90, evaluate_every=45, learning_rate=0.2)
    assert done.test["accuracy"] > 0.6, "of ten classes"
    stories, row = done.stories, done.rows[-1]
    assert done.test["accuracy"] == pytest.approx(stories["correct"].mean())
    assert done.test["loss"] == pytest.approx(stories["nats"].mean())
    assert sum(row["expert_load"]) == pytest.approx(1)
    losses = [loss or 0.0 for loss in row["expert_loss"]]
    assert np.dot(row["expert_load"], losses) == pytest.approx(row["loss"])
    assert done.test["specialisation_p_value"] < 0.05, "classes and experts are not independent"


def test_a_dense_network_has_no_choice_to_tell_of(digits: ImageSet) -> None:
    done = trained(digits, None)
    assert set(done.stories["expert"]) == {-1}
    assert "expert_load" not in done.rows[0]


def test_parts_of_a_batch_train_as_the_whole_does(digits: ImageSet) -> None:
    whole, parts = (trainer_of(digits, "top1", parts=n, switch_coef=0.1) for n in (1, 4))
    losses = [[float(t.step(s)) for s in range(3)] for t in (whole, parts)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    torch.testing.assert_close(whole.tensors(), parts.tensors(), rtol=1e-3, atol=1e-5)


def test_a_choice_that_looks_at_the_batch_is_not_cut(digits: ImageSet) -> None:
    assert largest_cut(cnn("expert_choice", drop_policy="none"), 32) == 1
    assert largest_cut(cnn("softk", drop_policy="position"), 32) == 1
    assert largest_cut(cnn("softk", drop_policy="none"), 32) == 32
    assert largest_cut(ResNetConfig(kind="resnet18", width=2), 32) == 1
    with pytest.raises(StudyError, match="cannot be cut into 2 parts"):
        trainer_of(digits, "expert_choice", parts=2)


def test_a_run_goes_on_where_it_was_stopped(digits: ImageSet) -> None:
    """Bit for bit, momentum and thresholds of experts that choose among them."""
    valid = digits.splits["valid"]
    whole = trainer_of(digits, "expert_choice", steps=8, evaluate_every=4)
    train(whole, valid, lambda *_: None, read=measure_images)
    first, second = (trainer_of(digits, "expert_choice", steps=8) for _ in range(2))
    for step in range(5):
        first.step(step)
    second.restore({name: tensor.clone() for name, tensor in first.tensors().items()})
    for step in range(5, 8):
        second.step(step)
    torch.testing.assert_close(second.tensors(), whole.tensors(), rtol=0, atol=0)


def test_experts_that_choose_are_read_by_the_rule_of_one_image(digits: ImageSet) -> None:
    trainer = trainer_of(digits, "expert_choice")
    for step in range(20):
        trainer.step(step)
    test = digits.splits["test"]
    alone, reverse = test.take(list(range(60))), test.take(list(range(59, -1, -1)))
    readings = [
        read_images(trainer, split, CAUSAL, Draws(torch.Generator())) for split in (alone, reverse)
    ]
    assert readings[0].nats_per_story == pytest.approx(readings[1].nats_per_story[::-1], abs=1e-5)
    measured = measure_images(trainer, test)
    assert {"accuracy_train_mode", "leak_premium"} <= measured.measures.keys()


@pytest.mark.parametrize("by", ["cv", "marginal_entropy", "token_entropy"])
def test_a_loss_of_the_gate_is_trained_with(digits: ImageSet, by: str) -> None:
    none, some = (
        trainer_of(digits, "top1", switch_coef=0.0, z_coef=0.0, **{f"{by}_coef": weight})
        for weight in (0.0, 1.0)
    )
    gradients = []
    for trainer in (none, some):
        trainer.step(0)
        gradients.append(trainer.router_grad_norm())
    assert gradients[0] != gradients[1]


@pytest.mark.parametrize("kind", ["top1", "soft_moe", None, "resnet18"])
def test_a_seed_gives_the_same_weights_each_time(kind: str | None) -> None:
    config: Any = ResNetConfig(kind="resnet18", width=2)
    if kind != "resnet18":
        config = cnn(kind, (4, 6), patch=4 if kind == "soft_moe" else None)
    first, second = (build_image_model(config, SHAPE, seed=3).state_dict() for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_too_few_images_are_told(digits: ImageSet) -> None:
    few = replace(digits, splits=digits.splits | {"train": digits.splits["test"].take([0, 1])})
    with pytest.raises(StudyError, match="images: 2 images to train on, and 32 a batch"):
        trainer_of(few, None)
