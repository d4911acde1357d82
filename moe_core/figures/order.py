"""Order of strategies and controls, apart from `style`: tables need no plotting."""

from moe_core.routing import registry

# models that are no strategy, and their labels
CONTROLS = {"dense": "dense", "ngram": "5-gram"}
# places are given once, so that a new strategy never changes how another one looks
PLACES = (
    "expert_choice",
    "hash",
    "softk",
    "top1",
    "topk_hard",
    "softk_pre",
    "loss_free",
    "expert_threshold",
    "noisy_topk",
    "gshard",
    "sinkhorn",
    "remoe",
    "coe",
)


def strategies() -> list[str]:
    """All strategies in drawing order: those with a place, then the others by name."""
    return [*PLACES, *(name for name in registry.names() if name not in PLACES)]


def order(names: list[str]) -> list[str]:
    """Strategies in drawing order, then the controls."""
    known = [*strategies(), *CONTROLS]
    return sorted(set(names), key=known.index)


def is_control(name: str) -> bool:
    """Whether it is shown beside the strategies and not ranked with them."""
    return name in CONTROLS or bool(registry.declaration(name)["control"])
