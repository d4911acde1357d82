"""What inference of an image model costs: FLOPs as counted, calls to time, what a manager saves.

The manager of a mixture splits the batch and runs each expert on its own images alone. Its rival is
the same mixture running every expert on every image, one after another, and taking the chosen rows.
"""

from collections.abc import Callable
from copy import copy

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from moe_core.dispatch.kinds import Backend
from moe_core.dispatch.reference import combine, kept_by_expert
from moe_core.errors import StudyError
from moe_core.model.experts import Bank
from moe_core.model.moe_layer import CAUSAL, MoELayer
from moe_core.routing import registry
from moe_core.routing.routing import Routing
from moe_core.vision.config import CnnConfig, ImageModelConfig, ImageShape
from moe_core.vision.experts import CnnExperts
from moe_core.vision.flops import image_cost
from moe_core.vision.model import ImageModel

CLOSE = 1e-2  # of the largest logit: another order of sums, in TF32 on a GPU, is less off


class EveryExpert(Bank):
    """Runs all experts on all images and takes the rows that were chosen."""

    def __init__(self, experts: CnnExperts) -> None:
        super().__init__()
        self.experts = experts

    def multiply(self, x_TCHW: Tensor, routing: Routing, backend: Backend = "auto") -> Tensor:
        token_A, weight_A, counts = kept_by_expert(routing)
        count_E = torch.tensor(counts, device=token_A.device)
        expert_A = torch.arange(len(counts), device=token_A.device).repeat_interleave(count_E)
        y_AV = self.experts.each(x_TCHW)[expert_A, token_A]
        return combine(y_AV, token_A, weight_A, routing.num_tokens)


def without_manager(model: ImageModel, image_BCHW: Tensor) -> ImageModel:
    """The same mixture and weights, with every expert run. Raises StudyError unless it is equal."""
    assert isinstance(model.net, MoELayer)
    assert isinstance(model.net.experts, CnnExperts)
    rival, layer = copy(model), copy(model.net)
    layer._modules = layer._modules | {"experts": EveryExpert(model.net.experts)}
    rival._modules = rival._modules | {"net": layer}
    one, other = inference(model, image_BCHW)(), inference(rival, image_BCHW)()
    off = float((one - other).abs().max() / one.abs().max())
    if not off <= CLOSE:
        raise StudyError("vision_cost", f"running every expert is {off:.2g} off", "mend cost.py")
    return rival


def inference(model: ImageModel, image_BCHW: Tensor) -> Callable[[], Tensor]:
    """A forward pass by the rule that an image alone can use, as a call; it gives logits_BV."""

    @torch.inference_mode()
    def call() -> Tensor:
        logits_B1V, _ = model(image_BCHW, CAUSAL)
        return logits_B1V.squeeze(1)

    return call


@torch.inference_mode()
def assignments(model: ImageModel, image_BCHW: Tensor) -> int:
    """Experts that the images of a batch reach, together; a model that routes nothing has one."""
    _, decisions = model(image_BCHW, CAUSAL)
    if not decisions:
        return len(image_BCHW)
    return int(decisions[-1].routing.kept_A.sum())


def counted_flops(call: Callable[[], object]) -> int:
    """Of one call, by torch: two a multiply-add of convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())


def batch_flops(config: ImageModelConfig, shape: ImageShape, images: int, reached: int) -> float:
    """The same by formula, of a batch whose images reach so many experts together."""
    moe = config.moe if isinstance(config, CnnConfig) and config.patch is None else None
    if moe is None:
        return images * image_cost(config, shape).flops_active
    if registry.declaration(moe.strategy)["noise_router"]:  # it runs in training alone
        silent = moe.model_copy(update={"strategy": "softk"})
        config = config.model_copy(update={"moe": silent})
    gate = image_cost(config, shape, 0).flops_active
    expert = image_cost(config, shape, 1).flops_active - gate
    return images * gate + reached * expert


def measured_flops(model: ImageModel, image_BCHW: Tensor) -> tuple[int, int]:
    """FLOPs and assignments of a batch. Raises StudyError where torch and the formula disagree."""
    reached = assignments(model, image_BCHW)
    counted = counted_flops(inference(model, image_BCHW))
    formula = batch_flops(model.config, model.shape, len(image_BCHW), reached)
    if counted != formula:
        raise StudyError(
            "vision_cost", f"torch counts {counted} FLOPs, the formula {formula}", "mend flops.py"
        )
    return counted, reached
