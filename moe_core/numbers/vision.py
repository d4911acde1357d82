"""Numbers of the experiment on images."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from moe_core.numbers.number import Number, finite, words
from moe_core.routing import registry
from moe_core.stats.intervals import mean_interval
from moe_core.vision.checks import SOFT_MOE
from moe_core.vision.experiment import BALANCE_NAMES, BALANCES

MEASURES = {
    "accuracy": "share",
    "accuracy_minus_dense": "share",
    "accuracy_minus_dense_of_size": "share",
    "load_cv": "ratio",
    "dead_experts": "ratio",
}
SPECIALISATION = ("class_nmi", "class_nmi_gain", "superclass_nmi_gain")
ENDS = ("", "_low", "_high")
IMAGES = {"digits": "handwritten digits", "cifar100": "CIFAR-100"}
OTHER_IMAGES = "What holds of these need not hold of CIFAR-100."
TWINS = ("dense", "dense_of_size")


def key_of(arm: Any) -> str:
    """``top1-e8k1`` of a mixture; of one that is balanced in another way that way follows."""
    if arm.strategy == "dense":
        return f"dense-{arm.channels}"
    if pd.isna(arm.num_experts):
        return str(arm.strategy)
    name = f"{arm.strategy}-e{arm.num_experts:.0f}k{arm.top_k:.0f}"
    declared = {"bias": "bias", "switch": "switch"}.get(
        "" if arm.strategy == SOFT_MOE else registry.declaration(arm.strategy)["balanced_by"]
    )
    other = arm.balance in BALANCES and declared is not None and arm.balance != declared
    return f"{name}-{arm.balance}" if other else name


def title(arm: Any) -> str:
    """``top-1 (1 of 8 experts)``, in a sentence; of a dense CNN, its channels."""
    if arm.strategy == "dense":
        return f"{arm.channels.replace('x', '/')} channels"
    if pd.isna(arm.num_experts):
        return str(arm.label)
    chosen = "" if arm.strategy == "soft_moe" else f"{arm.top_k:.0f} of "
    other = arm.strategy == "top1" and arm.balance != "switch"
    balance = f", {BALANCE_NAMES[arm.balance]}" if other else ""
    return f"{arm.label} ({chosen}{arm.num_experts:.0f} experts{balance})"


def image_numbers(spec: dict[str, Any], meta: dict[str, Any]) -> Iterator[Number]:
    """Which images, how they are split and how models of them are trained.

    spec: of the report; meta: ``meta.json`` of the images.
    """
    yield Number("vision/images", IMAGES.get(meta["name"], meta["name"]), "text", "image_meta")
    published = meta["name"] == "cifar100" and meta["origin"].get("published")
    note = "" if published else OTHER_IMAGES
    yield Number("vision/other_images", note, "text", "image_meta")
    for name in ("channels", "size"):
        yield Number(f"vision/{name}", spec["image_shape"][name], "count", "config")
    yield Number("vision/classes", len(meta["classes"]), "count", "image_meta")
    for split in ("train", "valid", "test"):
        images = meta["splits"][split]["images"]
        yield Number(f"vision/{split}_images", images, "count", "image_meta")
    twins = sum(meta["test_twins"].values())
    yield Number("vision/test_twins", twins, "count", "image_meta")
    training = spec["image_training"]
    for name in ("batch_size", "shift"):
        yield Number(f"vision/{name}", training[name], "count", "config")
    mirrored = "half of them are mirrored" if training["flip"] else "none is mirrored"
    yield Number("vision/mirrored", mirrored, "text", "config")


def planned(experiment: dict[str, Any]) -> list[str]:
    """Keys of the mixtures of a configuration, however few of them a scale trains."""
    mixtures = [pd.Series({**m, "balance": "switch"}) for m in experiment["mixtures"]]
    balanced = [
        pd.Series({**experiment["balanced"], "balance": arm["by"]})
        for arm in experiment["balances"]
    ]
    return list(dict.fromkeys(key_of(arm) for arm in [*mixtures, *balanced]))


def vision_numbers(
    experiment: dict[str, Any],
    arms: pd.DataFrame,
    summary: pd.DataFrame,
    routers: pd.DataFrame,
    cost: pd.DataFrame,
) -> Iterator[Number]:
    """What image models reached, by arm; what their routers tell of classes; what they cost.

    An arm that was not trained at this scale, or whose runs all failed, has no values.
    """
    yield Number("vision/arms", len(arms), "count", "vision_arms")
    yield Number("vision/runs", len(summary), "count", "vision_summary")
    yield Number("vision/seeds", int(arms.n.max()), "count", "vision_arms")
    yield Number("vision/steps", int(arms.steps.iloc[0]), "count", "vision_arms")
    lost = int(arms.n_failed.sum())
    failed = f"Runs that failed: {lost}; means are of the others." if lost else ""
    yield Number("vision/failed", failed, "text", "vision_arms")
    by_key = {key_of(arm): arm for _, arm in arms.iterrows()}
    nothing = pd.Series({"cell": "none", "label": "none", "n": 0, "runs": ""}, dtype=object)
    for key in dict.fromkeys([*by_key, *planned(experiment)]):
        arm = by_key.get(key, nothing)
        yield from arm_numbers(key, arm)
        yield from router_numbers(key, arm, routers)
        yield from cost_numbers(key, arm, cost)
    yield from compared(arms)


def arm_numbers(key: str, arm: pd.Series) -> Iterator[Number]:
    """Label and measures with intervals; of differences n is of pairs."""
    yield Number(f"vision/label/{key}", str(arm.label), "text", "vision_arms")
    for measure, unit in MEASURES.items():
        mean, low, high = (finite(arm.get(f"{measure}{end}")) for end in ENDS)
        pairs = arm.get(f"{measure}_n", arm.n)
        n = 0 if mean is None else int(pairs)
        twin = measure.removeprefix("accuracy_minus_")
        ids = " ".join(i for i in (arm.runs, arm.get(f"runs_{twin}")) if isinstance(i, str))
        yield Number(f"vision/{measure}/{key}", mean, unit, "vision_arms", low, high, n, ids)


def router_numbers(key: str, arm: pd.Series, routers: pd.DataFrame) -> Iterator[Number]:
    """What a first choice tells of the class, trained and untrained, means over seeds."""
    own = routers[routers.cell.eq(arm.cell)]
    for measure in SPECIALISATION:
        for router in ("trained", "untrained"):
            values = own[own.router.eq(router)][measure].dropna()
            found = mean_interval(values) if len(values) else None
            ends = (found.mean, found.low, found.high) if found else (None, None, None)
            mean, low, high = map(finite, ends)
            name = measure if router == "trained" else f"{measure}_untrained"
            source = "vision_specialisation"
            yield Number(
                f"vision/{name}/{key}", mean, "share", source, low, high, len(values), arm.runs
            )


def cost_numbers(key: str, arm: pd.Series, cost: pd.DataFrame) -> Iterator[Number]:
    """FLOPs and time of an image at the largest batch, as measured."""
    own = cost[cost.cell.eq(arm.cell) & cost.conditional.ne(False)]
    row = own.iloc[int(own.batch_size.argmax())] if len(own) else None
    flops = None if row is None else float(row.flops_per_image)
    time = None if row is None else float(row.ms / row.batch_size)
    ids = None if row is None else str(row.run)
    yield Number(f"vision/megaflops/{key}", flops and flops / 1e6, "ratio", "vision_cost", runs=ids)
    yield Number(
        f"vision/us_per_image/{key}", time and 1e3 * time, "ratio", "vision_cost", runs=ids
    )


def compared(arms: pd.DataFrame) -> Iterator[Number]:
    """The most accurate of each kind, and which mixtures are surely ahead of their twins."""
    routed = arms[arms.num_experts.notna()]
    kinds = {"best": routed}
    kinds |= {f"{kind}_best": arms[arms.strategy.eq(kind)] for kind in ("dense", "resnet18")}
    for role, rows in kinds.items():
        finished = rows[rows.accuracy.notna()]
        row = finished.iloc[int(finished.accuracy.argmax())] if len(finished) else None
        label = "none" if row is None else title(row)
        yield Number(f"vision/{role}/label", label, "text", "vision_arms")
        mean, low, high = (None if row is None else finite(row[f"accuracy{end}"]) for end in ENDS)
        n, ids = (0, None) if row is None else (int(row.n), row.runs)
        yield Number(f"vision/{role}/accuracy", mean, "share", "vision_arms", low, high, n, ids)
    for twin in TWINS:
        less = f"accuracy_minus_{twin}"
        sure = routed[routed[f"{less}_p_holm"] < 0.05]
        for side, sign in (("better", 1), ("worse", -1)):
            names = words(map(title, sure[sign * sure[less] > 0].itertuples()))
            yield Number(f"vision/{side}_than_{twin}", names, "text", "vision_arms")
        median = finite(routed[f"{less}_detectable"].median())
        yield Number(f"vision/detectable_{twin}", median, "share", "vision_arms")
