"""What a routing strategy is: a rule and its declaration."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from moe_core.routing.routing import Routing


@dataclass(frozen=True)
class RouteContext:
    """All that a strategy may see besides the router's logits.

    token_id_T: vocabulary ids. group_size: tokens of a routing group, which is one sequence, so
    T is a multiple of it. capacity: C, slots of an expert in one group (used by the strategies
    that fill columns; for the others capacity is applied afterwards). table_VK: the strategy's
    fixed table, if it declared one.
    """

    token_id_T: Tensor
    group_size: int
    num_experts: int
    top_k: int
    capacity: int
    table_VK: Tensor | None = None


@dataclass(frozen=True)
class Strategy:
    """A routing rule with its declaration; every keyword but the functions is a literal.

    label: name in figures and tables. source: paper and equation. causal: does the rule, with
    capacity in token-major order, keep later tokens from changing earlier outputs? group: what
    one decision looks at. router_gradient: what trains the router: the task loss through the
    combine weights, the balance loss alone, or nothing. route: logits_TE (or None where
    reads_logits is False) and context to Routing. min_top_k, max_top_k: legal K. fills_capacity:
    experts take exactly C tokens by rule, so that no capacity is applied afterwards.
    reads_logits: False where there is no router network. table: token counts_V, E and K to
    table_VK.
    """

    label: str
    source: str
    causal: bool
    group: Literal["token", "sequence", "batch"]
    router_gradient: Literal["task", "balance", "none"]
    route: Callable[[Tensor, RouteContext], Routing]
    min_top_k: int = 1
    max_top_k: int | None = None
    fills_capacity: bool = False
    reads_logits: bool = True
    table: Callable[[Tensor, int, int], Tensor] | None = None
