"""Image classifiers, with what training and evaluation ask of a model."""

import math
from functools import partial

import torch
from torch import Tensor

from moe_core.model.config import MoEConfig
from moe_core.model.language_model import LanguageModel
from moe_core.model.moe_layer import TRAINING, Mode, MoELayer
from moe_core.random_streams import stream
from moe_core.routing.draws import Draws
from moe_core.routing.strategy import RoutedLayer
from moe_core.vision.checks import check_model
from moe_core.vision.config import CnnConfig, ImageShape, ResNetConfig
from moe_core.vision.experts import CnnExperts
from moe_core.vision.gate import GatingCnn
from moe_core.vision.resnet import ResNet18
from moe_core.vision.soft_moe import SoftMoE


class ImageModel(LanguageModel):
    """image_BCHW to logits_B1V, with what the routed layer decided, if there is one.

    An image is a token, and a batch is one routing group: expert choice takes images of the batch
    in training and, by the rule of a decoder, judges each alone.
    """

    def __init__(self, config: CnnConfig | ResNetConfig, shape: ImageShape) -> None:
        super().__init__()
        check_model(config, shape)
        self.config, self.shape, self.vocab_size = config, shape, shape.classes
        self.net = network(config, shape)

    @property
    def routing(self) -> MoEConfig | None:
        """How images are routed; None where every expert sees every image, as in Soft MoE."""
        return self.net.config if isinstance(self.net, MoELayer) else None

    def all_routing(self) -> list[MoEConfig]:
        """The same, listed."""
        return [self.routing] if self.routing else []

    def moe_layers(self) -> list[MoELayer]:
        """The routed layer, if there is one."""
        return [self.net] if isinstance(self.net, MoELayer) else []

    def stored_tensors(self) -> dict[str, Tensor]:
        """Weights, states of routing and statistics of norms by name."""
        return dict(self.state_dict())

    def forward(
        self, image_BCHW: Tensor, mode: Mode = TRAINING, draws: Draws | None = None
    ) -> tuple[Tensor, list[RoutedLayer]]:
        """draws: for noise, jitter and the ``random`` drop policy."""
        # of one pixel side by side: convolutions and pools are twice as fast so on a CPU
        image_BCHW = image_BCHW.contiguous(memory_format=torch.channels_last)
        if not isinstance(self.net, MoELayer):
            return self.net(image_BCHW).unsqueeze(1), []
        position_B = torch.arange(len(image_BCHW), device=image_BCHW.device)
        y_BV, decisions = self.net(
            image_BCHW, torch.zeros_like(position_B), position_B, len(image_BCHW), mode, draws
        )
        return y_BV.unsqueeze(1), decisions


def network(
    config: CnnConfig | ResNetConfig, shape: ImageShape
) -> MoELayer | CnnExperts | SoftMoE | ResNet18:
    """What maps images to logits."""
    if isinstance(config, ResNetConfig):
        return ResNet18(config.width, shape.channels, shape.classes)
    moe, num_experts = config.moe, config.moe.num_experts if config.moe else 1
    experts = CnnExperts(num_experts, config.channels, shape.channels, shape.classes)
    if moe is None:
        return experts
    if config.patch is not None:
        return SoftMoE(experts, config.patch, shape, moe.capacity_factor)
    gate = partial(GatingCnn, [shape.channels, *config.gate_channels])
    no_ids = torch.ones(1)  # an image has none, and no strategy that routes it has a table
    return MoELayer(moe, config.gate_channels[-1], experts, None, no_ids, gate)


@torch.no_grad()
def initialise(model: ImageModel, seed: int) -> None:
    """Kernels from N(0, 2 / fan_in) (He, arXiv 1502.01852, eq. 10), matrices from N(0, 1 / fan_in).

    Norms start as the identity, biases at 0. Each parameter has a stream of its own name, and in
    stacked ones each expert a stream of its own: the first experts start alike whatever E is.
    """
    banks = [m for m in model.modules() if isinstance(m, CnnExperts | SoftMoE)]
    stacked = {parameter for bank in banks for parameter in bank.parameters()}
    for name, parameter in model.named_parameters():
        one = parameter.shape[1:] if parameter in stacked else parameter.shape
        if len(one) < 2:  # norms and biases, as they were made
            continue
        gain = 2 if len(one) == 4 else 1
        if ".noise_router.head." in name:
            gain = 0  # noise of equal scale everywhere (arXiv 1701.06538, appendix A)
        streams = [(name, e) for e in range(len(parameter))] if parameter in stacked else [(name,)]
        drawn = [torch.randn(one, generator=stream(seed, "init", *names)) for names in streams]
        parameter.copy_(torch.stack(drawn).view_as(parameter) * math.sqrt(gain / one[1:].numel()))


def build_image_model(config: CnnConfig | ResNetConfig, shape: ImageShape, seed: int) -> ImageModel:
    """A model with its initial weights. Raises StudyError for one that images cannot have."""
    model = ImageModel(config, shape)
    initialise(model, seed)
    return model
