"""ResNet-18 (He et al., arXiv 1512.03385, table 1) for small images: 3x3 stem, no max pool."""

import torch.nn.functional as F
from torch import Tensor, nn

STRIDES = (1, 2, 2, 2)  # of the four stages, two blocks each; channels double from each to the next


def convolution(narrow: int, wide: int, side: int, stride: int) -> nn.Sequential:
    """Convolution and batch norm."""
    conv = nn.Conv2d(narrow, wide, side, stride, padding=side // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(wide))


class Block(nn.Module):
    """``relu(x + f(x))``, f two convolutions; x through a 1x1 one where its shape changes."""

    def __init__(self, narrow: int, wide: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(narrow, wide, 3, stride)
        self.second = convolution(wide, wide, 3, 1)
        same = narrow == wide and stride == 1
        self.shortcut = nn.Identity() if same else convolution(narrow, wide, 1, stride)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(x_BCHW))) + self.shortcut(x_BCHW))


class ResNet18(nn.Module):
    """image_BCHW to logits_BV. In training an image depends on its batch through the norms."""

    def __init__(self, width: int, in_channels: int, classes: int) -> None:
        super().__init__()
        self.stem = convolution(in_channels, width, 3, 1)
        self.blocks = nn.Sequential()
        narrow = width
        for stage, stride in enumerate(STRIDES):
            wide = width * 2**stage
            self.blocks.extend([Block(narrow, wide, stride), Block(wide, wide, 1)])
            narrow = wide
        self.head = nn.Linear(narrow, classes)
        nn.init.zeros_(self.head.bias)  # torch's own is drawn from no stream of ours

    def forward(self, image_BCHW: Tensor) -> Tensor:
        x_BCHW = self.blocks(F.relu(self.stem(image_BCHW)))
        return self.head(x_BCHW.mean((2, 3)))
