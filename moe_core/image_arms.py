"""What the experiment on images trains: arms x seeds. Free of torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moe_core.configuration import Scale, StudyConfig
from moe_core.images.config import ImagesConfig, image_set_name
from moe_core.model.config import MoEConfig
from moe_core.routing import registry
from moe_core.runs import ImageSpec
from moe_core.training.config import ImageTrainingConfig
from moe_core.vision.checks import SOFT_MOE
from moe_core.vision.config import CnnConfig, ImageShape, ResNetConfig
from moe_core.vision.experiment import BALANCES, Balance, Mixture
from moe_core.vision.flops import image_cost
from moe_core.vision.widths import channels_of_flops, channels_of_params

CIFAR = ImageShape(channels=3, size=32, classes=100)
DIGITS = 10
Arm = tuple[CnnConfig | ResNetConfig, ImageTrainingConfig]


def image_shape(images: ImagesConfig) -> ImageShape:
    """What the configured source brings."""
    if images.source == "digits":
        return ImageShape(channels=1, size=images.digits.size, classes=DIGITS)
    return CIFAR


@dataclass(frozen=True)
class Twins:
    """Channels of the dense CNNs of a model's active FLOPs, and of its parameters."""

    of_flops: list[int]
    of_size: list[int]


def twins(model: CnnConfig, shape: ImageShape) -> Twins:
    """Both are the model itself where it is dense."""
    if model.moe is None:
        return Twins(model.channels, model.channels)
    cost = image_cost(model, shape)
    return Twins(
        channels_of_flops(cost.flops_active, model.channels, shape),
        channels_of_params(cost.params_total, model.channels, shape),
    )


class ImageArms:
    """The rows of the experiment on images at one scale."""

    def __init__(self, config: StudyConfig, scale: Scale) -> None:
        self.config, self.experiment, self.scale = config, config.experiments.vision, scale.vision
        self.shape, self.threads = image_shape(config.images), scale.threads

    def rows(self) -> list[ImageSpec]:
        """Mixtures, balances, dense CNNs and ResNet-18; an arm of two kinds is there once."""
        experiment, most = self.experiment, self.scale.most
        mixtures = [self.mixture(mixture) for mixture in experiment.mixtures[:most]]
        arms: list[Arm] = [self.usual(model) for model in mixtures]
        arms += [self.balanced(arm.by, arm.weight) for arm in experiment.balances[:most]]
        pairs = [twins(model, self.shape) for model in mixtures]
        widths = [tuple(width) for pair in pairs for width in (pair.of_flops, pair.of_size)]
        arms += [self.usual(self.dense(list(width))) for width in dict.fromkeys(widths)]
        arms += [self.usual(self.resnet())] if experiment.resnet else []
        unique = {(m.model_dump_json(), t.model_dump_json()): (m, t) for m, t in arms}
        return [row for arm in unique.values() for row in self._of_seeds(self.scale.seeds, *arm)]

    def rate_rows(self) -> list[ImageSpec]:
        """The same factors on each strategy's own rate, on tuning seeds, for its first mixture.

        The dense CNN is the one of the first mixture's FLOPs.
        """
        experiment = self.config.experiments
        if not self.scale.tuned:
            return []
        first: dict[str, Mixture] = {}
        for mixture in experiment.vision.mixtures:
            first.setdefault(mixture.strategy, mixture)
        models = [self.mixture(mixture) for mixture in first.values()]
        models.append(self.dense(twins(models[0], self.shape).of_flops))
        arms = [self.usual(model) for model in models]
        arms += [self.usual(self.resnet())] if experiment.vision.resnet else []
        return [
            row
            for model, training in arms
            for factor in experiment.vision.learning_rate_factors
            for row in self._of_seeds(
                experiment.learning_rate.seeds,
                model,
                training.model_copy(
                    update={"learning_rate": float(f"{factor * training.learning_rate:.6g}")}
                ),
            )
        ]

    def usual(self, model: CnnConfig | ResNetConfig) -> Arm:
        """A model as it is trained: at its strategy's rate, a mixture with the scale's balance."""
        training, name = self.scale.training, "resnet18"
        if isinstance(model, CnnConfig):
            name = model.moe.strategy if model.moe else "dense"
        rate = self.scale.learning_rates.get(name, training.learning_rate)
        return model, training.model_copy(update={"learning_rate": rate})

    def resnet(self) -> ResNetConfig:
        """ResNet-18 of the scale's width."""
        return ResNetConfig(kind="resnet18", width=self.scale.resnet_width)

    def mixture(self, mixture: Mixture, **routing: Any) -> CnnConfig:
        """A mixture of the scale's experts; routing: what is changed of it."""
        soft = mixture.strategy == SOFT_MOE
        declared = {} if soft else registry.declaration(mixture.strategy)
        usual: dict[str, Any] = {
            **mixture.model_dump(),
            "router": "linear",
            "capacity_factor": self.experiment.capacity_factor,
            "drop_policy": "none",
            "shared_hidden": 0,
            "jitter": 0.0,
            "bias_rate": self.config.experiments.unified.bias_rate
            if declared.get("balanced_by") == "bias"
            else 0.0,
        }
        return CnnConfig(
            kind="cnn",
            channels=self.scale.channels,
            gate_channels=[] if soft else self.scale.gate_channels,
            patch=self.scale.patch if soft else None,
            moe=MoEConfig(**(usual | routing)),
        )

    def balanced(self, by: Balance, weight: float) -> Arm:
        """The mixture whose balance is compared, and how it is trained."""
        model = self.mixture(self.experiment.balanced)
        training = unbalanced(self.usual(model)[1])
        if by == "bias":
            return self.mixture(self.experiment.balanced, bias_rate=weight), training
        changes = {} if by == "none" else {f"{by}_coef": weight}
        return model, training.model_copy(update=changes)

    def dense(self, channels: list[int]) -> CnnConfig:
        """One CNN."""
        return CnnConfig(kind="cnn", channels=channels, gate_channels=[], patch=None, moe=None)

    def _of_seeds(
        self, seeds: list[int], model: CnnConfig | ResNetConfig, training: ImageTrainingConfig
    ) -> Iterator[ImageSpec]:
        moe = model.moe if isinstance(model, CnnConfig) and model.patch is None else None
        if moe is None:  # of what has no gate, its losses are no part
            training = unbalanced(training)
        elif registry.declaration(moe.strategy)["balanced_by"] != "switch":
            training = training.model_copy(update={"switch_coef": 0.0})
        for seed in seeds:
            yield ImageSpec(
                images=image_set_name(self.config.images),
                shape=self.shape,
                seed=seed,
                device=self.config.device,
                threads=self.threads,
                world_size=1,
                training=training,
                model=model,
            )


def unbalanced(training: ImageTrainingConfig) -> ImageTrainingConfig:
    """The same without any loss that evens out load."""
    losses = [f"{by}_coef" for by in BALANCES if by not in ("none", "bias")]
    return training.model_copy(update=dict.fromkeys(losses, 0.0))
