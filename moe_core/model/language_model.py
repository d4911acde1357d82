"""What training and evaluation ask of a model."""

from abc import abstractmethod
from typing import Any

from torch import Tensor, nn

from moe_core.model.config import MoEConfig
from moe_core.model.moe_layer import MoELayer
from moe_core.routing.strategy import RoutedLayer


class LanguageModel(nn.Module):
    """token_id_BS to logits_BSV, with what each step of each routed layer decided.

    ``forward`` takes a mode of routing and draws besides, both with a default for training.
    """

    vocab_size: int

    @property
    @abstractmethod
    def routing(self) -> MoEConfig | None:
        """How the routers that are trained route, None without any."""

    @abstractmethod
    def all_routing(self) -> list[MoEConfig]:
        """How every routed layer routes, trained or not."""

    @abstractmethod
    def moe_layers(self) -> list[MoELayer]:
        """The routed layers of ours, none in a dense model."""

    @abstractmethod
    def stored_tensors(self) -> dict[str, Tensor]:
        """All that training changes, by name."""

    @abstractmethod
    def forward(self, *args: Any, **kwargs: Any) -> tuple[Tensor, list[RoutedLayer]]: ...
