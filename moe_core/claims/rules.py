"""What a claim may say of arms, as data: comparisons, and rules that compose them."""

from collections.abc import Iterator
from itertools import combinations, pairwise, product
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from moe_core.claims.arms import Arm, Measure, Strategies, Unnamed, known
from moe_core.strict import Strict


class Less(Strict):
    """One arm's measure is less than another's, by the smallest effect of interest or more.

    That effect is ``least``; for bits per byte the largest of ``least``, 0.01 and one seed's sd.
    """

    kind: Literal["less"]
    measure: Measure = "bits_per_byte"
    smaller: Arm
    larger: Arm
    least: NonNegativeFloat = 0.0

    def arms(self) -> list[Arm]:
        return [self.smaller, self.larger]


class Equivalent(Strict):
    """Two arms differ by less than the margin, whichever is ahead (two one-sided tests)."""

    kind: Literal["equivalent"]
    measure: Measure = "bits_per_byte"
    first: Arm
    second: Arm
    margin: PositiveFloat

    def arms(self) -> list[Arm]:
        return [self.first, self.second]


class Within(Strict):
    """A band holds a measure of an arm, its difference ``less`` or its ratio ``over`` another.

    Either end may be open.
    """

    kind: Literal["within"]
    measure: Measure
    of: Arm
    less: Arm | None = None
    over: Arm | None = None
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _sensible(self) -> "Within":
        ends = [end for end in (self.low, self.high) if end is not None]
        if self.less and self.over:
            raise ValueError("less and over exclude each other")
        if not ends or ends != sorted({*ends}):
            raise ValueError("a band needs low, high or both, and low below high")
        if self.over and ends[0] <= 0:
            raise ValueError("a ratio is positive, and so are the ends of its band")
        return self

    def arms(self) -> list[Arm]:
        return [arm for arm in (self.of, self.less, self.over) if arm]


class Selection(Strict):
    """Arms alike but for the strategy, and the measure that ranks them."""

    arms: Unnamed
    measure: Measure = "bits_per_byte"


class Concordant(Strict):
    """Two selections rank the strategies alike: Kendall's tau is ``least`` or more.

    Two experiments and one measure: a stable ranking. Two measures of one experiment: a
    correlation.
    """

    kind: Literal["concordant"]
    strategies: Strategies
    first: Selection
    second: Selection
    least: Annotated[float, Field(gt=-1, le=1)]

    def arms(self) -> list[Arm]:
        return [s.arms.of(name) for s in (self.first, self.second) for name in self.strategies]


class Measured(Strict):
    """A band holds a fact that an experiment measured of code or machines, not of runs.

    Either end may be open; both belong to the band.
    """

    kind: Literal["measured"]
    fact: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _sensible(self) -> "Measured":
        if self.low is None and self.high is None:
            raise ValueError("a band needs low, high or both")
        return self

    def arms(self) -> list[Arm]:
        return []


class All(Strict):
    """Every part holds."""

    kind: Literal["all"]
    of: Annotated[list["Rule"], Field(min_length=1)]

    def parts(self) -> list["Rule"]:
        return self.of


class Order(Strict):
    """A ranking such as ``softk ~ expert_choice < hash``: ``<`` is Less and ``~`` Equivalent.

    Names joined by ``~`` are a group: all pairs of it are Equivalent, and each of its arms is Less
    than each of the next group.
    """

    kind: Literal["order"]
    measure: Measure = "bits_per_byte"
    arms: Unnamed
    chain: Annotated[str, Field(pattern=r"^\w+( [<~] \w+)+$")]
    margin: PositiveFloat

    @model_validator(mode="after")
    def _of_strategies(self) -> "Order":
        for name in self.chain.split()[::2]:
            known(name)
        return self

    def parts(self) -> list["Rule"]:
        groups = [
            [self.arms.of(name) for name in group.split(" ~ ")] for group in self.chain.split(" < ")
        ]
        alike = [pair for group in groups for pair in combinations(group, 2)]
        ranked = [pair for here, there in pairwise(groups) for pair in product(here, there)]
        parts: list[Rule] = [
            Equivalent(
                kind="equivalent", measure=self.measure, first=a, second=b, margin=self.margin
            )
            for a, b in alike
        ]
        parts += [Less(kind="less", measure=self.measure, smaller=a, larger=b) for a, b in ranked]
        return parts


class _Quantified(Strict):
    strategies: Strategies
    holds: "Rule"

    def parts(self) -> list["Rule"]:
        return [_filled(self.holds, strategy) for strategy in self.strategies]


class Each(_Quantified):
    """The rule holds for each strategy, which its arms without one take."""

    kind: Literal["each"]


class Some(_Quantified):
    """The rule holds for one strategy or more, which its arms without one take."""

    kind: Literal["some"]


Leaf = Less | Equivalent | Within | Concordant | Measured
Rule = Annotated[Leaf | All | Order | Each | Some, Field(discriminator="kind")]


def leaves(rule: Rule) -> Iterator[Leaf]:
    """The comparisons that a rule comes to."""
    if isinstance(rule, Leaf):
        yield rule
    else:
        for part in rule.parts():
            yield from leaves(part)


def _filled(value: Any, strategy: str) -> Any:
    if isinstance(value, Arm):
        return value if value.strategy else value.of(strategy)
    if isinstance(value, list):
        return [_filled(v, strategy) for v in value]
    if isinstance(value, Strict):
        return value.model_copy(update={k: _filled(v, strategy) for k, v in value})
    return value
