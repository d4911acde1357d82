"""Handwritten digits (UCI, Alpaydin and Kaynak, 1998) as scikit-learn brings them."""

import torch
from torch.nn.functional import interpolate

from moe_core.images.image_set import ImageSplit, SourceImages

BRIGHTEST = 16  # the pixels count the dots of 4 x 4 blocks


def digit_images(size: int) -> SourceImages:
    """1,797 grey images in 10 classes, enlarged from 8 x 8 to size x size (bilinear)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    image_N1HW = torch.from_numpy(digits.images)[:, None]  # float64, that no rounding be in doubt
    image_N1HW = interpolate(image_N1HW, (size, size), mode="bilinear", align_corners=False)
    image_N1HW = (image_N1HW * 255 / BRIGHTEST).round().to(torch.uint8)
    label_N = torch.from_numpy(digits.target).long()
    classes = [str(name) for name in digits.target_names]
    train = ImageSplit(image_N1HW, label_N)
    return SourceImages("digits", classes, [], [], train, None, {"source": "digits", "size": size})
