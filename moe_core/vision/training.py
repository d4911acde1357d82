"""Training and measuring a classifier of images by the loop of language models.

An image is a token, its label the token to predict, and a batch one sequence: the group that
routing looks at where it looks at more than one image.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.errors import StudyError
from moe_core.images.batches import augment, batch_indices
from moe_core.images.image_set import ImageSet, ImageSplit
from moe_core.measure.metrics import bits_per_byte
from moe_core.model.moe_layer import Mode
from moe_core.random_streams import stream
from moe_core.routing import registry
from moe_core.routing.draws import Draws
from moe_core.routing.routing import Routing
from moe_core.routing.strategy import RoutedLayer
from moe_core.training.config import ImageTrainingConfig
from moe_core.training.evaluation import Quality, Reading, Tally, routing_steps
from moe_core.training.loop import Measured, Trainer, measure_modes
from moe_core.training.ranks import ALONE, Ranks
from moe_core.vision.config import ImageModelConfig, ResNetConfig
from moe_core.vision.model import ImageModel

NO_EXPERT = -1  # of an image that no expert took, and of all images of a dense model


def largest_cut(model: ImageModelConfig, batch_size: int) -> int:
    """Into how many parts a batch can be cut: one where more than one image decides anything.

    As in a choice that looks at the batch, and in ResNet's norms.
    """
    if isinstance(model, ResNetConfig):
        return 1
    if model.moe is None or model.patch is not None:
        return batch_size
    group = registry.declaration(model.moe.strategy)["group"]
    return batch_size if group == "token" and model.moe.drop_policy == "none" else 1


class ImageTrainer(Trainer):
    """Trains on augmented images, each once an epoch, in an order of the seed's.

    Raises StudyError for a training split smaller than a batch.
    """

    def __init__(
        self,
        model: ImageModel,
        images: ImageSet,
        config: ImageTrainingConfig,
        seed: int,
        device: str,
        micro_batches: int = 1,
        ranks: Ranks = ALONE,
    ) -> None:
        no_stream = np.empty(0, dtype=np.int32)
        super().__init__(model, no_stream, config, seed, device, micro_batches, ranks)
        self.images, self.training = images, config
        available = len(images.splits["train"])
        if available < config.batch_size:
            raise StudyError(
                "images",
                f"{available} images to train on, and {config.batch_size} a batch",
                "lower the batch_size of the scale's vision",
            )

    def most_parts(self) -> int:
        """As `largest_cut` has it."""
        assert isinstance(self.model, ImageModel)
        return largest_cut(self.model.config, self.config.batch_size)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Normalised images (B, C, H, W), and their labels as targets (B, 1)."""
        config, split = self.training, self.images.splits["train"]
        index_B = batch_indices(len(split), config.batch_size, self.seed, step)
        image_BCHW = augment(
            split.image_NCHW[index_B],
            config.shift,
            config.flip,
            stream(self.seed, "augmentation", step),
        )
        return self.images.normalise(image_BCHW), split.label_N[index_B].unsqueeze(1)

    def _pass(self, inputs: Tensor, rows: slice, step: int) -> tuple[Tensor, list[RoutedLayer]]:
        draws = Draws(stream(self.seed, "drops", step), rows.start, len(inputs))
        with self.precision:
            return self.forward(inputs[rows], draws=draws)


@dataclass(frozen=True)
class Examined(ImageSplit):
    """Images as what a model is measured on: each counts as a story of one byte."""

    @property
    def stories(self) -> int:
        return len(self)

    @property
    def bytes(self) -> int:
        return len(self)

    @property
    def bytes_per_story(self) -> np.ndarray:
        return np.ones(len(self), dtype=np.int64)


def of_class(layer: RoutedLayer, label_B: Tensor) -> RoutedLayer:
    """What a layer decided, counted by the classes of images in place of ids of tokens."""
    return replace(layer, context=replace(layer.context, token_id_T=label_B))


def first_choice_T(routing: Routing) -> Tensor:
    """The expert that weighs most in each image's output, NO_EXPERT where none does."""
    weights_TE = torch.zeros(routing.num_tokens, routing.num_experts, dtype=torch.float64)
    place = (routing.token_A.cpu(), routing.expert_A.cpu())
    weights_TE.index_put_(place, routing.weight_A.double().cpu(), accumulate=True)
    most_T, expert_T = weights_TE.max(-1)
    return torch.where(most_T > 0, expert_T, NO_EXPERT)


@torch.no_grad()
def read_images(trainer: ImageTrainer, split: ImageSplit, mode: Mode, draws: Draws) -> Reading:
    """One pass over a split in batches of training's size.

    Columns: ``correct`` (of equal best logits the share of it), ``label``, ``expert``, the first
    choice. Bits per byte are bits an image.
    """
    model, size, device = trainer.model, trainer.config.batch_size, trainer.device
    tally = Tally(model.vocab_size)
    nats, correct, chosen = [], [], []
    model.eval()
    for image_NCHW, label_N in zip(
        split.image_NCHW.split(size), split.label_N.split(size), strict=True
    ):
        label_B = label_N.to(device)
        with trainer.precision:
            logits_B1V, routed = model(trainer.images.normalise(image_NCHW.to(device)), mode, draws)
        logits_BV = logits_B1V.squeeze(1).float()
        nats.append(F.cross_entropy(logits_BV, label_B, reduction="none").double().cpu())
        best_BV = logits_BV == logits_BV.max(-1, keepdim=True).values
        correct.append((best_BV.gather(1, label_B.unsqueeze(1)).squeeze(1) / best_BV.sum(-1)).cpu())
        if routed:
            tally.add([of_class(layer, label_B) for layer in routed])
            chosen.append(first_choice_T(routed[-1].routing))
    model.train()
    nats_N = torch.cat(nats)
    loss = float(nats_N.mean())
    with np.errstate(over="ignore"):  # of a run that diverged
        quality = Quality(loss, float(np.exp(loss)), bits_per_byte(float(nats_N.sum()), len(split)))
    reading = tally.reading(quality, nats_N, routing_steps(model.routing))
    no_choice_N = torch.full((len(split),), NO_EXPERT)
    columns = {
        "correct": torch.cat(correct).double().numpy(),
        "label": split.label_N.numpy(),
        "expert": (torch.cat(chosen) if chosen else no_choice_N).numpy(),
    }
    return replace(reading, columns=columns)


def by_expert(reading: Reading, num_experts: int) -> dict[str, list[float | None]]:
    """Share of images whose first choice an expert is, and the mean nats of these."""
    expert_N, nats_N = reading.columns["expert"], reading.nats_per_story
    own = [nats_N[expert_N == expert] for expert in range(num_experts)]
    return {
        "expert_load": [len(nats) / len(nats_N) for nats in own],
        "expert_loss": [float(nats.mean()) if len(nats) else None for nats in own],
    }


def measure_images(trainer: Trainer, split: ImageSplit) -> Measured:
    """How well images are classified, in all modes (``loop.measure_modes``).

    Causal mode is the rule that an image alone can use; train mode, for strategies whose experts
    choose among the images of a batch, depends on its neighbours. accuracy: share of images whose
    class has the largest logit. expert_load and expert_loss: by first choice.
    """
    assert isinstance(trainer, ImageTrainer)
    measured = measure_modes(trainer, lambda mode, draws: read_images(trainer, split, mode, draws))
    own: dict[str, Any] = {"accuracy": float(measured.causal.columns["correct"].mean())}
    moe = trainer.model.routing
    if moe is not None:
        own |= by_expert(measured.causal, moe.num_experts)
    if measured.train_mode is not measured.causal:
        own["accuracy_train_mode"] = float(measured.train_mode.columns["correct"].mean())
    return replace(measured, measures=own | measured.measures)
