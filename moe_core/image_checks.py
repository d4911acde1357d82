"""Checks of the experiment on images in ``config.yaml``, beyond its schema."""

from moe_core.configuration import StudyConfig
from moe_core.configuration_mistakes import one_of
from moe_core.errors import StudyError
from moe_core.image_arms import ImageArms, image_shape, twins
from moe_core.routing import registry
from moe_core.vision.checks import SOFT_MOE, check_model, image_strategies
from moe_core.vision.experiment import Mixture

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
    arms, shape = ImageArms(config, scale), image_shape(config.images)
    for mixture in vision.mixtures:
        model = arms.mixture(mixture)
        try:
            check_model(model, shape)
            twins(model, shape)
        except StudyError as error:
            key = f"scales.{config.scale}.vision.{error.key}"
            raise StudyError(key, error.problem, error.remedy) from None


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
