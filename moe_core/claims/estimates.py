"""Values of arms -> one effect with its intervals, ready for a verdict."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from moe_core.claims.arms import Arm, Measure
from moe_core.claims.comparisons import by_answer, by_repeat, by_seed, by_story
from moe_core.claims.evidence import Evidence, UntestableError
from moe_core.stats.intervals import Interval
from moe_core.stats.power import detectable

UNITS: dict[Measure, str] = {
    "bits_per_byte": "bits_per_byte",
    "bits_per_byte_at_capacity": "bits_per_byte",
    "accuracy": "share",
    "drop_rate": "share",
    "drop_rate_excess": "share",
    "token_drop_rate": "share",
    "tokens_per_s": "rate",
    "steps_to_target": "count",
    "space_primary_share": "share",
    "space_primary_share_gain": "share",
    "class_nats_gain": "nats",
    "class_less_story_nats": "nats",
    "first_changed_local": "share",
    "set_changed_local": "share",
    "first_changed_compounded": "share",
    "set_changed_compounded": "share",
    "class_nmi": "share",
    "class_nmi_gain": "share",
    "class_nmi_learned": "share",
}
QUALITY = (
    "bits_per_byte",
    "bits_per_byte_at_capacity",
    "perplexity",
    "accuracy",
    "steps_to_target",
)
FLOPS_ALIKE = 1.02  # two models within 1 % of one number of FLOPs


@dataclass(frozen=True)
class Estimate:
    """A measure of an arm, or how two arms compare.

    interval, interval90: 95 % and 90 %, nan ends where n < 2. p_at: two-sided p value of the
    effect being the argument, below 0.05 where the interval leaves it out; nan where there is no
    test. seed_sd: deviation over seeds, pooled over arms. mde: smallest effect that n seeds detect
    with the spread behind the interval. unit: as in moe_core.figures.typeset. about: in words.
    """

    interval: Interval
    interval90: Interval
    p_at: Callable[[float], float]
    seed_sd: float
    mde: float
    unit: str
    about: str


def estimate(
    evidence: Evidence, measure: Measure, of: Arm, less: Arm | None = None, over: Arm | None = None
) -> Estimate:
    """A measure ``of`` an arm: alone, ``less`` that of another, or ``over`` it. Paired by seed.

    Bits per byte vary by seed and story, and so does the ratio of perplexities, which is their
    difference on another scale; accuracy by seed and question or image; speed over repeats of one
    timing; all else by seed.
    Raises UntestableError where the tables cannot speak of an arm, or where both arms are one.
    """
    other = less or over
    if other and {*evidence.runs(of).run} & {*evidence.runs(other).run}:
        raise UntestableError(f"{of} and {other} are the same runs")
    unit = "ratio" if over else UNITS.get(measure, "ratio")
    about = _about(evidence, measure, of, less, over)
    if measure == "tokens_per_s":
        ends = by_repeat(evidence, of, less, over)
        return Estimate(ends, ends, lambda _: math.nan, math.nan, math.nan, unit, about)
    if over and measure == "perplexity":
        row = evidence.runs(of).iloc[0]
        nats_per_token = math.log(row.perplexity) / row.bits_per_byte
        at, sd = by_story(evidence, of, over, nats_per_token)
    elif measure == "bits_per_byte" and not over:
        at, sd = by_story(evidence, of, less, 1.0)
    elif measure == "accuracy" and not over:
        at, sd = by_answer(evidence, of, less)
    else:
        at, sd = by_seed(evidence, measure, of, other, logs=over is not None)
    found = at(0.0)
    ends, ends90, mde = found.interval, found.interval90, detectable(found.interval)
    if not over:
        return Estimate(ends, ends90, lambda x: at(x).p_value, sd, mde, unit, about)
    return Estimate(
        _exp(ends),
        _exp(ends90),
        lambda x: at(math.log(x)).p_value,
        sd,
        math.expm1(mde),
        unit,
        about,
    )


def _about(
    evidence: Evidence, measure: Measure, of: Arm, less: Arm | None, over: Arm | None
) -> str:
    arms = [arm for arm in (of, less, over) if arm]
    alike = len({arm.settings() for arm in arms}) == 1
    names = " over ".join if over else " less ".join
    text = names(arm.name() if alike else str(arm) for arm in arms)
    rows = [evidence.runs(arm).iloc[0] for arm in arms]
    settings = f" ({of.settings()})" if alike else ""
    flops = "" if of.minus_dense or measure not in QUALITY else _unequal(rows)
    images = "".join(f", on {name}" for name in {row.images: 0 for row in rows if "images" in row})
    return f"{measure} of {text}{settings}{flops}{images}"


def _unequal(rows: "list[pd.Series[Any]]") -> str:
    """What to say of arms whose active FLOPs differ: by their dense widths, or by themselves."""
    widths = sorted({int(row.dense_width) for row in rows if "dense_width" in row})
    if len(widths) > 1:
        return f", at unequal active FLOPs (dense widths {widths})"
    flops = sorted(float(row.flops_active) for row in rows if "images" in row)
    if flops and flops[-1] > FLOPS_ALIKE * flops[0]:
        millions = " and ".join(f"{f / 1e6:.3g}" for f in flops)
        return f", at unequal active FLOPs ({millions} million an image)"
    return ""


def _exp(x: Interval) -> Interval:
    return Interval(math.exp(x.mean), math.exp(x.low), math.exp(x.high), x.n)
