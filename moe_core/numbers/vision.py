"""Numbers of the experiment on images."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from moe_core.numbers.number import Number, finite, words
from moe_core.routing import registry
from moe_core.stats.intervals import mean_interval
from moe_core.vision.checks import SOFT_MOE
from moe_core.vision.experiment import BALANCES

MEASURES = {
    "accuracy": "share",
    "accuracy_minus_dense": "share",
    "accuracy_minus_dense_of_size": "share",
    "load_cv": "ratio",
    "dead_experts": "ratio",
}
SPECIALISATION = ("class_nmi", "class_nmi_gain", "superclass_nmi_gain")
ENDS = ("", "_low", "_high")


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
    yield Number("vision/images", arms.images.iloc[0], "text", "vision_arms")
    yield Number("vision/arms", len(arms), "count", "vision_arms")
    yield Number("vision/runs", len(summary), "count", "vision_summary")
    yield Number("vision/seeds", int(arms.n.max()), "count", "vision_arms")
    yield Number("vision/steps", int(arms.steps.iloc[0]), "count", "vision_arms")
    tested = finite(summary.test_images.max())
    yield Number("vision/test_images", tested, "count", "vision_summary")
    lost = int(arms.n_failed.sum())
    failed = f"{lost} runs of image models failed; means are of the others." if lost else ""
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
    """The most accurate mixture and dense CNN, and which arms are surely ahead of their twins."""
    routed = arms[arms.num_experts.notna()]
    for role, rows in (("best", routed), ("dense_best", arms[arms.strategy.eq("dense")])):
        finished = rows[rows.accuracy.notna()]
        row = finished.iloc[int(finished.accuracy.argmax())] if len(finished) else None
        label = "none" if row is None else key_of(row)
        yield Number(f"vision/{role}/label", label, "text", "vision_arms")
        mean, low, high = (None if row is None else finite(row[f"accuracy{end}"]) for end in ENDS)
        n, ids = (0, None) if row is None else (int(row.n), row.runs)
        yield Number(f"vision/{role}/accuracy", mean, "share", "vision_arms", low, high, n, ids)
    sure = routed[routed.accuracy_minus_dense_p_holm < 0.05]
    for side, sign in (("better", 1), ("worse", -1)):
        ahead = sure[sign * sure.accuracy_minus_dense > 0]
        names = words(key_of(arm) for _, arm in ahead.iterrows())
        yield Number(f"vision/{side}_than_dense", names, "text", "vision_arms")
