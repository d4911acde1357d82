"""Parameters and analytic FLOPs of image models. A multiply-add counts two. Free of torch.

Counted are convolutions and matrix products, not norms, activations, pools or softmax.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from moe_core.model.config import MoEConfig
from moe_core.routing import registry
from moe_core.routing.router_net import router_parameters
from moe_core.routing.slots import slots_per_expert
from moe_core.vision.config import CnnConfig, ImageShape, ResNetConfig

KERNEL = 3 * 3


@dataclass(frozen=True)
class ImageCost:
    """Parameters in all and those one image uses; FLOPs of a forward pass of one image.

    flops_total: were every expert to run on it.
    """

    params_total: int
    params_active: float
    flops_total: float
    flops_active: float

    @property
    def train_flops(self) -> float:
        """Of a training step, an image: backward costs twice the forward."""
        return 3 * self.flops_active


def image_cost(
    config: CnnConfig | ResNetConfig, shape: ImageShape, assignments_per_image: float | None = None
) -> ImageCost:
    """Count a model whose images each reach so many experts, by default as many as is asked for.

    Of dense models and Soft MoE all is used, whatever the number.
    The gate of noise counts with the gate: it runs in training alone.
    """
    if isinstance(config, ResNetConfig):
        return _undivided(*_resnet(config.width, shape))
    expert, flops = cnn_params(config.channels, shape), cnn_flops(config.channels, shape)
    if config.moe is None:
        return _undivided(expert, flops)
    if config.patch is not None:
        return _undivided(*_soft_moe(config, config.patch, config.moe, shape))
    num_experts = config.moe.num_experts
    if assignments_per_image is None:
        assignments_per_image = assignments(config.moe)
    gates, gate_flops = _gates(config, config.moe, shape)
    return ImageCost(
        params_total=int(gates + num_experts * expert),
        params_active=gates + assignments_per_image * expert,
        flops_total=gate_flops + num_experts * flops,
        flops_active=gate_flops + assignments_per_image * flops,
    )


def assignments(moe: MoEConfig) -> float:
    """Experts that an image reaches before drops: K, or cf * K where they fill their capacity."""
    if registry.declaration(moe.strategy)["fills_capacity"]:
        return min(moe.top_k * moe.capacity_factor, moe.num_experts)
    return moe.top_k


def _undivided(params: float, flops: float) -> ImageCost:
    """Of a model whose images use all of it."""
    return ImageCost(int(params), params, flops, flops)


def cnn_params(channels: Sequence[float], shape: ImageShape) -> float:
    """Of one expert; channels may be fractions."""
    kernels = sum(KERNEL * a * b for a, b in pairwise([shape.channels, *channels]))
    return kernels + 2 * sum(channels) + (channels[-1] + 1) * shape.classes


def cnn_flops(channels: Sequence[float], shape: ImageShape) -> float:
    """Of one expert on one image; channels may be fractions. The side halves after each stage."""
    sides = [shape.size >> stage for stage in range(len(channels))]
    pairs = zip(sides, pairwise([shape.channels, *channels]), strict=True)
    return 2 * (sum(s * s * KERNEL * a * b for s, (a, b) in pairs) + channels[-1] * shape.classes)


def _gates(config: CnnConfig, moe: MoEConfig, shape: ImageShape) -> tuple[int, int]:
    """Parameters and FLOPs of the gate, and of the one that scales noise if there is one."""
    side, kernels, products = shape.size // 2, 0, 0
    for a, b in pairwise([shape.channels, *config.gate_channels]):
        side = (side + 1) // 2
        kernels += KERNEL * a * b
        products += side * side * KERNEL * a * b
    stages = kernels + 2 * sum(config.gate_channels)
    params = flops = 0
    nets = [moe.router] + ["linear"] * registry.declaration(moe.strategy)["noise_router"]
    for net in nets:
        head = router_parameters(net, config.gate_channels[-1], moe.num_experts)
        params += stages + head
        # the scale of a cosine router is no product
        flops += 2 * (products + head - (net == "cosine"))
    return params, flops


def _soft_moe(
    config: CnnConfig, patch: int, moe: MoEConfig, shape: ImageShape
) -> tuple[float, float]:
    """Parameters and FLOPs: logits and inputs of slots, experts on slots, one sum of outputs."""
    patches, dim = (shape.size // patch) ** 2, shape.channels * patch**2
    slots = moe.num_experts * slots_per_expert(moe.capacity_factor, 1, patches, moe.num_experts)
    patch_shape = ImageShape(shape.channels, patch, shape.classes)
    params = (
        moe.num_experts * cnn_params(config.channels, patch_shape) + (slots + patches) * dim + 1
    )
    mixing = 2 * (2 * patches * slots * dim + slots * shape.classes)
    return params, mixing + slots * cnn_flops(config.channels, patch_shape)


def _resnet(width: int, shape: ImageShape) -> tuple[int, int]:
    """Parameters and FLOPs of ``resnet.ResNet18``."""
    side, narrow = shape.size, width
    layers = [(KERNEL, shape.channels, width, side)]  # kernel, in, out, side of the output
    for stage in range(4):
        wide = width * 2**stage
        side = side if stage == 0 else (side + 1) // 2
        layers += [(KERNEL, narrow, wide, side)] + 3 * [(KERNEL, wide, wide, side)]
        if stage:
            layers.append((1, narrow, wide, side))
        narrow = wide
    params = sum(k * a * b + 2 * b for k, a, b, _ in layers) + (narrow + 1) * shape.classes
    products = sum(k * a * b * s * s for k, a, b, s in layers) + narrow * shape.classes
    return params, 2 * products
