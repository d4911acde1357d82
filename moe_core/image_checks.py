"""Checks of the experiment on images in ``config.yaml``, beyond its schema."""

from moe_core.configuration import StudyConfig
from moe_core.configuration_mistakes import one_of
from moe_core.errors import StudyError
from moe_core.image_arms import ImageArms, twins
from moe_core.routing import registry
from moe_core.vision.checks import SOFT_MOE, check_model, image_strategies
from moe_core.vision.experiment import Mixture, ScaleVision, VisionConfig

KEY = "experiments.vision"
OTHERS = ("dense", "resnet18")


def check_vision(config: StudyConfig) -> None:
    """That every mixture can be built at the chosen scale, and a dense CNN of its cost found."""
    vision, scale = config.experiments.vision, config.scales[config.scale]
    for mixture in vision.mixtures:
        _check_mixture(f"{KEY}.mixtures", mixture)
    _check_mixture(f"{KEY}.balanced", vision.balanced)
    if registry.declaration(vision.balanced.strategy)["balanced_by"] != "switch":
        raise StudyError(
            f"{KEY}.balanced",
            f"{vision.balanced.strategy!r} is not balanced by the Switch loss, so its arms would "
            "not differ",
            "take one that is, such as top1",
        )
    for arm in vision.balances:
        if (arm.by == "none") != (arm.weight == 0):
            raise StudyError(
                f"{KEY}.balances",
                f"{arm.by!r} of weight {arm.weight:g}",
                "0 is for none, and alone",
            )
    trained = [mixture.strategy for mixture in vision.mixtures]
    for strategy in scale.vision.learning_rates:
        one_of(f"scales.{config.scale}.vision.learning_rates", strategy, [*trained, *OTHERS])
    _check_balances(vision, scale.vision)
    arms = ImageArms(config, scale)
    for mixture in vision.mixtures:
        model = arms.mixture(mixture)
        try:
            check_model(model, arms.shape)
            twins(model, arms.shape)
        except StudyError as error:
            key = f"scales.{config.scale}.vision.{error.key}"
            raise StudyError(key, error.problem, error.remedy) from None


def _check_balances(vision: VisionConfig, scale: ScaleVision) -> None:
    """That every arm is one of its own, and has the dense CNNs of its mixture beside it."""
    ways = [arm.by for arm in vision.balances]
    for by in ways:
        if ways.count(by) > 1:
            raise StudyError(f"{KEY}.balances", f"{by!r} stands there twice", "one weight of each")
    if vision.balanced not in vision.mixtures[: scale.most]:
        raise StudyError(
            f"{KEY}.balanced",
            "is none of the mixtures that are trained, so no dense CNN is its twin",
            f"take one of {KEY}.mixtures, of the first {scale.most or len(vision.mixtures)}",
        )


def _check_mixture(key: str, mixture: Mixture) -> None:
    allowed = [*image_strategies(), *([SOFT_MOE] if key.endswith("mixtures") else [])]
    one_of(key, mixture.strategy, allowed)
    if mixture.strategy == SOFT_MOE:
        least, most = 1, 1
    else:
        declared = registry.declaration(mixture.strategy)
        least, most = declared["min_top_k"], declared["max_top_k"] or mixture.num_experts
    if not least <= mixture.top_k <= most:
        raise StudyError(
            key,
            f"top_k {mixture.top_k} of {mixture.num_experts} experts is not legal for "
            f"strategy {mixture.strategy!r}",
            f"allowed: {least} to {most}",
        )
