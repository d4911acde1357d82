"""What a routing strategy is: a rule and its declaration."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from moe_core.routing.draws import Draws
from moe_core.routing.routing import Routing

State = dict[str, Tensor]


@dataclass(frozen=True)
class RouteContext:
    """All that a strategy may see besides the router's logits.

    token_id_T: vocabulary ids. position_T: places in their sequences. group_size: tokens of a
    routing group, which is one sequence (the whole batch for strategies of group ``batch``), so T
    is a multiple of it. capacity: C, slots of an expert in one group (used by the strategies that
    fill columns; for the others capacity is applied afterwards). table_VK: the strategy's fixed
    table, if it declared one. noise: source of the draws of training; None where nothing is to be
    drawn. noise_logits_TE: output of the noise router, if declared. state: what the layer carries
    from step to step, ``bias_E`` among it where choices are biased.
    """

    token_id_T: Tensor
    position_T: Tensor
    group_size: int
    num_experts: int
    top_k: int
    capacity: int
    table_VK: Tensor | None = None
    noise: Draws | None = None
    noise_logits_TE: Tensor | None = None
    state: State = field(default_factory=dict)


@dataclass(frozen=True)
class RoutedLayer:
    """What one layer, or one step of a sequential one, decided, and from what.

    logits_TE: None without a router. sequence: tokens of one sequence.
    """

    routing: Routing
    logits_TE: Tensor | None
    context: RouteContext
    sequence: int


Rule = Callable[[Tensor, RouteContext], Routing]


@dataclass(frozen=True)
class Strategy:
    """A routing rule with its declaration; every keyword but the functions is a literal.

    label: name in figures and tables. source: paper and equation. causal: does the rule of
    training, with capacity in token-major order, keep later tokens from changing earlier outputs?
    group: what one decision looks at. router_gradient: what trains the router: the task loss
    through the combine weights, the balance loss alone, or nothing. route: logits_TE (or None where
    reads_logits is False) and context to Routing, as in training. decode: the same for a decoder,
    which sees no later token; None where ``route`` is such a rule.

    min_top_k, max_top_k: legal K. balanced_by: the Switch loss, a router bias (arXiv 2408.15664),
    the rule itself, or a loss of its own. gate: what its combine weights are made by; the z-loss is
    for softmax. fills_capacity: experts take exactly C tokens by rule. steers_k: a token has K
    experts on average only. Neither of these two is limited by capacity afterwards. reads_logits:
    False where there is no router network. noise_router: a second network gives the scale of noise.
    sequential: K routers choose one expert each, one after another. control: shown beside the
    others, not ranked. fails: audits that the strategy openly fails.

    table: token counts_V, E and K to table_VK. state: E and K to what a layer carries from step to
    step; update: changes it in place after a step, given all layers. loss: a term of the training
    loss of all layers. expert_std: E, fan-out and fan-in of the experts' stacked weights to their
    initial deviation, where it is not that of a dense layer.
    """

    label: str
    source: str
    causal: bool
    group: Literal["token", "sequence", "batch"]
    router_gradient: Literal["task", "balance", "none"]
    route: Rule
    decode: Rule | None = None
    min_top_k: int = 1
    max_top_k: int | None = None
    balanced_by: Literal["switch", "bias", "rule", "own"] = "switch"
    gate: Literal["softmax", "sigmoid", "relu"] = "softmax"
    fills_capacity: bool = False
    steers_k: bool = False
    reads_logits: bool = True
    noise_router: bool = False
    sequential: bool = False
    control: bool = False
    fails: tuple[str, ...] = ()
    table: Callable[[Tensor, int, int], Tensor] | None = None
    state: Callable[[int, int], State] | None = None
    update: Callable[[list[RoutedLayer]], None] | None = None
    loss: Callable[[list[RoutedLayer]], Tensor] | None = None
    expert_std: Callable[[int, int, int], float] | None = None
