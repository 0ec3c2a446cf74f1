"""Random changes of images in memory. Shapes: N images, C channels, H x W pixels."""

import torch
from attrs import field, frozen
from torch import Tensor

from pnas_ops import Range


@frozen(kw_only=True)
class Augmentation:
    """Random changes of training images.

    Attributes:
        crop_padding: pixels by which an image is shifted at most in either direction; what comes in is a reflection.
            (Black borders would shift the statistics of BatchNorm, which are judged on images without them.)
        horizontal_flip: whether half of the images are mirrored.
        cutout: side in pixels of the square that is blanked at a random place (arXiv 1708.04552); 0 for none.
    """

    crop_padding: int = field(validator=Range(0, 4096, whole=True))
    horizontal_flip: bool
    cutout: int = field(validator=Range(0, 4096, whole=True))

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """A changed copy of (N, C, H, W), each image in its own way, without a loop over images."""
        count, _, height, width = images.shape
        if self.crop_padding:
            down, right = torch.randint(-self.crop_padding, self.crop_padding + 1, (2, count, 1), generator=generator)
            rows, columns = _reflect(torch.arange(height) + down, height), _reflect(torch.arange(width) + right, width)
            each = torch.arange(count).view(-1, 1, 1)
            images = images.permute(0, 2, 3, 1)[each, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)
        if self.horizontal_flip:
            mirrored = torch.rand(count, generator=generator) < 0.5
            images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
        if self.cutout:
            rows = _near(torch.randint(height, (count, 1), generator=generator), height, self.cutout)
            columns = _near(torch.randint(width, (count, 1), generator=generator), width, self.cutout)
            images = images.masked_fill((rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(1), 0)
        return images


def _reflect(positions: Tensor, size: int) -> Tensor:
    """Positions outside 0 to `size` - 1, mirrored at the first and the last."""
    return size - 1 - (size - 1 - positions.abs()).abs()


def _near(centers: Tensor, size: int, side: int) -> Tensor:
    """Which of `size` positions lie in the window of `side` around each centre: (N, size)."""
    start = centers - side // 2
    positions = torch.arange(size)
    return (positions >= start) & (positions < start + side)
