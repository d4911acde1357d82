"""Models to adapt, seen alike: one of the bench's own, or a mixture of experts of transformers."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from moe_core.model.config import MoEConfig
from moe_core.model.moe_layer import Mode, MoELayer
from moe_core.model.transformer import Transformer
from moe_core.routing.draws import Draws
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.strategy import RouteContext, RoutedLayer

# x (..., D) that a module read and the routing of what it decided, to what is added to its output
Addition = Callable[[Tensor, Routing | None], Tensor]


@dataclass(frozen=True)
class Pass:
    """What a forward pass was given, flat."""

    token_id_T: Tensor
    position_T: Tensor
    sequence: int
    mode: Mode
    draws: Draws | None


class Base(nn.Module):
    """A model as it was, with places where something can be added.

    model: it. vocab_size, dim: V and D.
    """

    model: nn.Module
    vocab_size: int
    dim: int

    def __init__(self) -> None:
        super().__init__()
        self.hooks: list[RemovableHandle] = []

    @abstractmethod
    def forward(
        self, token_id_BS: Tensor, mode: Mode, draws: Draws | None
    ) -> tuple[Tensor, list[RoutedLayer]]:
        """logits_BSV and what its own layers decided, none where that cannot be seen."""

    @abstractmethod
    def moe_layers(self) -> dict[str, nn.Module]:
        """Its routed layers by name."""

    @abstractmethod
    def experts_of(self, layer: nn.Module) -> int:
        """E of a routed layer."""

    @abstractmethod
    def experts_used(self, layer: nn.Module) -> int:
        """K of a routed layer."""

    @abstractmethod
    def add_to_layer(self, layer: nn.Module, addition: Addition) -> None:
        """Add to the output of a routed layer; no routing is told where it routes several times."""

    def unused_parameters(self, layer: nn.Module) -> float:
        """Of the experts of a routed layer, what a token does not use."""
        experts: Any = layer.experts
        total = sum(p.numel() for p in experts.parameters())
        return total * (1 - self.experts_used(layer) / self.experts_of(layer))

    def all_routing(self) -> list[MoEConfig]:
        """How its layers route, where that is a strategy of the bench."""
        return []

    def add_to_linear(self, layer: nn.Linear, addition: Callable[[Tensor], Tensor]) -> None:
        """Add to the output of a linear layer."""
        self.hooks.append(layer.register_forward_hook(partial(_add_to_linear, addition)))

    def bare(self) -> nn.Module:
        """The model as it was: nothing is added to it, or watched, any more."""
        for hook in self.hooks:
            hook.remove()
        return self.model


class OwnBase(Base):
    """A Transformer of the bench."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model, self.vocab_size, self.dim = model, model.vocab_size, model.config.dim

    def forward(
        self, token_id_BS: Tensor, mode: Mode, draws: Draws | None
    ) -> tuple[Tensor, list[RoutedLayer]]:
        return self.model(token_id_BS, mode, draws)

    def moe_layers(self) -> dict[str, nn.Module]:
        return {n: m for n, m in self.model.named_modules() if isinstance(m, MoELayer)}

    def experts_of(self, layer: nn.Module) -> int:
        assert isinstance(layer, MoELayer)
        return layer.config.num_experts

    def experts_used(self, layer: nn.Module) -> int:
        assert isinstance(layer, MoELayer)
        return layer.config.top_k

    def add_to_layer(self, layer: nn.Module, addition: Addition) -> None:
        self.hooks.append(layer.register_forward_hook(partial(_add_to_own, addition)))

    def all_routing(self) -> list[MoEConfig]:
        assert isinstance(self.model, Transformer)
        return self.model.all_routing()


class HubBase(Base):
    """A causal language model of transformers, such as OLMoE, Mixtral or Qwen MoE.

    Its routed layers are the modules that hold ``gate`` and ``experts``. Since transformers 5 a
    gate gives logits (T, E) first, and then experts are called with hidden states (T, D), chosen
    experts (T, K) and their weights (T, K).
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        config: Any = model.config
        self.model, self.vocab_size, self.dim = model, config.vocab_size, config.hidden_size
        self.given: Pass | None = None
        self.decided: list[RoutedLayer] = []
        self.logits_TE: Tensor | None = None  # of the layer that is at work
        for layer in self.moe_layers().values():
            experts, gate = layer.experts, layer.gate
            assert isinstance(experts, nn.Module)
            assert isinstance(gate, nn.Module)
            self.hooks.append(gate.register_forward_hook(self._weighed))
            watch = partial(self._decided, self.experts_of(layer))
            self.hooks.append(experts.register_forward_pre_hook(watch))

    def forward(
        self, token_id_BS: Tensor, mode: Mode, draws: Draws | None
    ) -> tuple[Tensor, list[RoutedLayer]]:
        self.given, self.decided = flat(token_id_BS, mode, draws), []
        logits_BSV = self.model(input_ids=token_id_BS, use_cache=False).logits
        decisions, self.given, self.decided = self.decided, None, []
        return logits_BSV, decisions

    def moe_layers(self) -> dict[str, nn.Module]:
        found = self.model.named_modules()
        return {n: m for n, m in found if hasattr(m, "gate") and hasattr(m, "experts")}

    def experts_of(self, layer: nn.Module) -> int:
        experts: Any = layer.experts
        return int(experts.num_experts)

    def experts_used(self, layer: nn.Module) -> int:
        gate: Any = layer.gate
        return int(gate.top_k)

    def add_to_layer(self, layer: nn.Module, addition: Addition) -> None:
        experts: Any = layer.experts
        add = partial(_add_to_experts, addition, self.experts_of(layer))
        self.hooks.append(experts.register_forward_hook(add))

    def _weighed(self, _: nn.Module, given: tuple[Any, ...], out: tuple[Tensor, ...]) -> None:
        """Keep the logits of a layer, to be read and not trained."""
        self.logits_TE = out[0].detach()

    def _decided(self, num_experts: int, _: nn.Module, given: tuple[Any, ...]) -> None:
        """Record what a layer chose."""
        if self.given is None:
            return  # somebody calls the model itself
        _, expert_TK, weight_TK = given
        tokens, top_k = expert_TK.shape
        routing = from_token_choice(expert_TK, weight_TK, num_experts)
        id_T, position_T, sequence = (
            self.given.token_id_T,
            self.given.position_T,
            self.given.sequence,
        )
        context = RouteContext(id_T, position_T, sequence, num_experts, top_k, capacity=tokens)
        self.decided.append(RoutedLayer(routing, self.logits_TE, context, sequence))


# Hooks: of partial functions a deep copy of a model makes its own, of closures it would not.


def _add_to_linear(
    addition: Callable[[Tensor], Tensor], _: nn.Module, given: tuple[Any, ...], out: Tensor
) -> Tensor:
    return out + addition(given[0]).to(out.dtype)


def _add_to_own(
    addition: Addition, _: nn.Module, given: tuple[Any, ...], out: tuple[Tensor, list[RoutedLayer]]
) -> tuple[Tensor, list[RoutedLayer]]:
    y_TD, decisions = out
    routing = decisions[0].routing if len(decisions) == 1 else None
    return y_TD + addition(given[0], routing).to(y_TD.dtype), decisions


def _add_to_experts(
    addition: Addition, num_experts: int, _: nn.Module, given: tuple[Any, ...], out: Tensor
) -> Tensor:
    x_TD, expert_TK, weight_TK = given
    routing = from_token_choice(expert_TK, weight_TK, num_experts)
    return out + addition(x_TD, routing).to(out.dtype)


def flat(token_id_BS: Tensor, mode: Mode, draws: Draws | None) -> Pass:
    """A pass over sequences, token by token."""
    batch, size = token_id_BS.shape
    position_S = torch.arange(size, device=token_id_BS.device)
    return Pass(token_id_BS.flatten(), position_S.repeat(batch), size, mode, draws)
