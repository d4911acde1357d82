"""A model whose experts are shared out over ranks, and the whole of it again.

Built whole from its seed, then cut: its values are those of one device. Files hold it whole.
"""

import torch
from torch import Tensor

from moe_core.dispatch.expert_parallel import Placement, Traffic
from moe_core.errors import StudyError
from moe_core.model.language_model import LanguageModel
from moe_core.training.ranks import Ranks
from moe_core.training.shards import shard_rows


class ExpertShards:
    """This rank's share of every stack of experts; nothing is cut where ranks hold all of them.

    names: of the parameters that are cut. Raises StudyError for a dense model, for one process, and
    where a rank would have no expert.
    """

    def __init__(self, model: LanguageModel, ranks: Ranks) -> None:
        self.model, self.ranks = model, ranks
        self.traffic = Traffic()
        self.names: set[str] = set()
        if not ranks.expert_parallel:
            return
        check_ranks(model, ranks.size)
        for layer in model.moe_layers():
            slices = shard_rows(layer.config.num_experts, ranks.size)
            experts_R = [part.stop - part.start for part in slices]
            layer.placement = Placement(ranks.rank, experts_R, self.traffic)
            self.own = layer.placement.own  # the same in every layer
            for parameter in layer.experts.parameters():
                parameter.data = parameter.data[self.own].clone()
        cut = {p for layer in model.moe_layers() for p in layer.experts.parameters()}
        self.names = {name for name, p in model.named_parameters() if p in cut}

    def is_cut(self, name: str) -> bool:
        """Whether a tensor ``model.…``, ``first.…`` or ``second.…`` is of experts of this rank."""
        return name.partition(".")[2] in self.names

    def whole(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Those of all experts in place of those of this rank. All ranks call it together."""
        return {
            name: torch.cat(self.ranks.rows(tensor)) if self.is_cut(name) else tensor
            for name, tensor in tensors.items()
        }

    def part(self, name: str, tensor: Tensor) -> Tensor:
        """What this rank holds of a whole tensor."""
        return tensor[self.own] if self.is_cut(name) else tensor

    def undo(self) -> None:
        """Give every rank the whole model. All ranks call it together."""
        for layer in self.model.moe_layers():
            if layer.placement is not None:
                for parameter in layer.experts.parameters():
                    parameter.data = torch.cat(self.ranks.rows(parameter.data))
                layer.placement = None
        self.names = set()


def check_ranks(model: LanguageModel, ranks: int) -> None:
    """Raises StudyError where the experts of a model cannot be shared out over so many ranks."""
    layers = model.moe_layers()
    if not layers:
        raise StudyError("expert_parallel", "a dense model has no experts to share out")
    if ranks == 1:
        raise StudyError("expert_parallel", "one process has all experts", "raise world_size")
    fewest = min(layer.config.num_experts for layer in layers)
    if ranks > fewest:
        raise StudyError(
            "expert_parallel",
            f"{ranks} processes for {fewest} experts",
            f"allowed: world_size 2 to {fewest}",
        )
