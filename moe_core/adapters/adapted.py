"""A frozen base with adapters, as training and evaluation take a model."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from moe_core.adapters.bank import LoraBank
from moe_core.adapters.base import Base, Pass, flat
from moe_core.adapters.config import AdapterConfig
from moe_core.dispatch.dispatch import dispatch
from moe_core.errors import StudyError
from moe_core.model.config import MoEConfig
from moe_core.model.language_model import LanguageModel
from moe_core.model.moe_layer import DROPLESS, Mode, MoELayer
from moe_core.random_streams import stream
from moe_core.routing.draws import Draws
from moe_core.routing.routing import Routing
from moe_core.routing.strategy import RoutedLayer


class AdaptedModel(LanguageModel):
    """A base whose weights do not change and adapters that do; equal to the base at first.

    adapters: by name of what they are added to, dots as underscores. Trained dropless: what a
    capacity would drop is measured, not suffered. Decisions are those of the adapters' own routers,
    or of the base's where there are none. Raises StudyError for target modules that do not exist;
    a pass does, with adapters in the experts of layers that route several times.
    """

    def __init__(self, base: Base, config: AdapterConfig, counts_V: Tensor, seed: int) -> None:
        super().__init__()
        self.base, self.config, self.vocab_size = base, config, base.vocab_size
        self.adapters = nn.ModuleDict()
        self.names: dict[str, str] = {}  # of the modules, by key of adapters
        self.given: Pass | None = None
        self.decided: list[RoutedLayer] = []
        base.requires_grad_(config.peft_type == "full")
        if config.peft_type == "lora":
            self._add_lora(seed)
        elif config.peft_type != "full":
            self._add_perft(counts_V, seed)
        self.train()

    def forward(
        self, token_id_BS: Tensor, mode: Mode = DROPLESS, draws: Draws | None = None
    ) -> tuple[Tensor, list[RoutedLayer]]:
        self.given, self.decided = flat(token_id_BS, mode, draws), []
        logits_BSV, decisions = self.base(token_id_BS, mode, draws)
        own, self.given, self.decided = self.decided, None, []
        return logits_BSV, own or decisions

    def train(self, mode: bool = True) -> "AdaptedModel":
        """A frozen base neither drops out nor draws noise."""
        super().train(mode)
        self.base.train(mode and self.config.peft_type == "full")
        return self

    @property
    def routing(self) -> MoEConfig | None:
        """Of the adapters' own routers; of the base's, if they are trained."""
        if self.config.peft_type == "full":
            return next(iter(self.base.all_routing()), None)
        return self.config.routing

    def all_routing(self) -> list[MoEConfig]:
        own = [self.config.routing] if self.config.routing else []
        return own + self.base.all_routing()

    def moe_layers(self) -> list[MoELayer]:
        """All of ours, in the base or of adapters."""
        return [m for m in self.modules() if isinstance(m, MoELayer)]

    def stored_tensors(self) -> dict[str, Tensor]:
        """The adapters, by module of the base; of full fine-tuning the base."""
        if self.config.peft_type == "full":
            model: Any = self.base.model
            if hasattr(model, "stored_tensors"):
                return dict(model.stored_tensors())
            tensors: dict[int, tuple[str, Tensor]] = {}
            for name, tensor in model.state_dict().items():  # a tied head once
                tensors.setdefault(tensor.data_ptr(), (name, tensor))
            return dict(tensors.values())
        return {
            f"{module}.{name}": tensor
            for module, adapter in self._by_name().items()
            for name, tensor in adapter.state_dict().items()
        }

    def parameter_counts(self) -> dict[str, int]:
        """Parameters that training changes, and of those the ones that a token uses; the base's.

        A token uses K of E experts of a layer, K of N adapters of PERFT-R with their router, and in
        PERFT-E the adapters of its experts.
        """
        base, layers = self.base, self.base.moe_layers()
        total = count(base)
        unused = sum(base.unused_parameters(layer) for layer in layers.values())
        active = round(total - unused)
        trainable = used = count(self.adapters)
        if self.config.peft_type == "full":
            trainable, used = total, active
        elif self.config.peft_type == "perft_e":
            used = sum(
                count(adapter) * base.experts_used(layers[name]) // base.experts_of(layers[name])
                for name, adapter in self._by_name().items()
            )
        elif self.config.routing is not None:
            banks = sum(count(m) for m in self.adapters.modules() if isinstance(m, LoraBank))
            share = self.config.routing.top_k / self.config.num_adapters
            used = round(trainable - banks * (1 - share))
        return {
            "params_trainable": trainable,
            "params_trainable_active": used,
            "params_base": total,
            "params_base_active": active,
        }

    def _by_name(self) -> dict[str, nn.Module]:
        return {self.names[key]: adapter for key, adapter in self.adapters.items()}

    def _register(self, name: str, adapter: nn.Module) -> None:
        key = name.replace(".", "_")
        self.adapters[key], self.names[key] = adapter, name

    def _targets(self, among: dict[str, nn.Module], what: str) -> dict[str, nn.Module]:
        """Those named, as peft matches names: whole, or by their end."""
        wanted = self.config.target_modules
        if wanted is None:
            found = among
        else:
            found = {
                n: m for n, m in among.items() if any(f".{n}".endswith(f".{w}") for w in wanted)
            }
        if not found:
            ends = sorted({name.rpartition(".")[2] for name in among})
            raise StudyError(
                "target_modules",
                f"{wanted} names no {what} of the base",
                f"allowed: {', '.join(ends) or 'none, it has no such module'}",
            )
        return found

    def _add_lora(self, seed: int) -> None:
        modules = self.base.model.named_modules()
        linear: dict[str, nn.Module] = {n: m for n, m in modules if isinstance(m, nn.Linear)}
        for name, layer in self._targets(linear, "linear layer").items():
            assert isinstance(layer, nn.Linear)
            bank = LoraBank(
                1, layer.in_features, layer.out_features, self.config.r, self.config.scaling
            ).to(layer.weight.device)
            bank.initialise(seed, name)
            self._register(name, bank)
            self.base.add_to_linear(layer, bank)

    def _add_perft(self, counts_V: Tensor, seed: int) -> None:
        config, dim = self.config, self.base.dim
        for name, layer in self._targets(self.base.moe_layers(), "MoE layer").items():
            in_experts = config.peft_type == "perft_e"
            count = self.base.experts_of(layer) if in_experts else config.num_adapters
            bank = LoraBank(count, dim, dim, config.r, config.scaling)
            bank.initialise(seed, name)
            if config.routing is None:
                self._register(name, bank)
                add = added_by_base if in_experts else added_by_all
                self.base.add_to_layer(layer, partial(add, bank))
            else:
                routed = MoELayer(config.routing, dim, bank, None, counts_V)
                initialise_routers(routed, seed, name)
                self._register(name, routed)
                self.base.add_to_layer(layer, partial(self._added_by_own, routed))

    def _added_by_own(self, routed: MoELayer, x_TD: Tensor, _: Routing | None) -> Tensor:
        """PERFT-R: ``sum_j G'(h)_j D_j(h)``."""
        given = self.given
        assert given is not None
        router_dtype = next(routed.parameters()).dtype
        y_TD, decisions = routed(
            x_TD.to(router_dtype),
            given.token_id_T,
            given.position_T,
            given.sequence,
            given.mode,
            given.draws,
        )
        self.decided += decisions
        return y_TD


def count(module: nn.Module) -> int:
    """Parameters of a module, shared ones once."""
    return sum(p.numel() for p in module.parameters())


def added_by_all(bank: LoraBank, x_TD: Tensor, _: Routing | None) -> Tensor:
    """PERFT-D and PERFT-S: ``sum_j D_j(h)``."""
    return bank(x_TD)


def added_by_base(bank: LoraBank, x_TD: Tensor, routing: Routing | None) -> Tensor:
    """PERFT-E: ``sum_i G(h)_i D_i(h)``, G as the base's layer decided, drops and all."""
    if routing is None:
        raise StudyError("peft_type", "perft_e has no expert to be in: the base routes in steps")
    return dispatch(x_TD.to(bank.lora_A.dtype), routing, bank.weights())


@torch.no_grad()
def initialise_routers(layer: MoELayer, seed: int, name: str) -> None:
    """As those of the bench's models: N(0, 1/fan_in), no noise at first, vectors 1."""
    for own, parameter in layer.named_parameters():
        if "router" in own:
            drawn = torch.randn(parameter.shape, generator=stream(seed, "init", name, own))
            parameter.copy_(drawn * parameter.shape[-1] ** -0.5)
            if parameter.dim() == 1:
                parameter.fill_(1.0)
            elif "noise_router" in own:
                parameter.zero_()
