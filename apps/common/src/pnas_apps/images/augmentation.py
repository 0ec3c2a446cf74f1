"""Random changes of images in memory, on a CPU as on a GPU. Shapes: N images, C channels, H x W pixels."""

import torch
from attrs import field, frozen
from torch import Tensor

from pnas_ops import Range


@frozen(kw_only=True)
class Augmentation:
    """Random changes of training images: first drawn, on the CPU, then made, where the images are.

    Attributes:
        crop_padding: pixels by which an image is shifted at most in either direction; what comes in is a reflection.
            (Black borders would shift the statistics of BatchNorm, which are judged on images without them.)
        horizontal_flip: whether half of the images are mirrored.
        cutout: side in pixels of the square that is blanked at a random place (arXiv 1708.04552); 0 for none.
    """

    crop_padding: int = field(validator=Range(0, 4096, whole=True))
    horizontal_flip: bool
    cutout: int = field(validator=Range(0, 4096, whole=True))

    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
        """All that is random about `count` images of H x W = `size` pixels: int64, (5, count), on the CPU.

        The rows are the shift down, that to the right, whether an image is mirrored, and the row and the column that
        cutout has in its middle. What is not done draws nothing, and is 0.
        """
        drawn = torch.zeros((5, count), dtype=torch.int64)
        if self.crop_padding:
            shifts = (-self.crop_padding, self.crop_padding + 1)
            drawn[:2] = torch.randint(*shifts, (2, count), generator=generator)
        if self.horizontal_flip:
            drawn[2] = torch.rand(count, generator=generator) < 0.5
        if self.cutout:
            for row, side in zip(drawn[3:], size, strict=True):
                row[:] = torch.randint(side, (count,), generator=generator)
        return drawn

    def __call__(self, images: Tensor, chosen: Tensor, drawn: Tensor) -> Tensor:
        """Changed copies of N of the images, each in its own way, in channels_last order: (N, C, H, W).

        Without a loop over images, and without a wait for the GPU that they are on.

        Args:
            images: (M, C, H, W).
            chosen: indices into them, (N,).
            drawn: by `draw`, for these N: (5, N). Both are where the images are.
        """
        height, width = images.shape[2:]
        down, right, mirrored, row, column = drawn.unsqueeze(2)
        rows, columns = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
        from_rows, from_columns = _reflect(rows + down, height), _reflect(columns + right, width)
        from_columns = torch.where(mirrored > 0, from_columns.flip(1), from_columns)
        pixels = images.permute(0, 2, 3, 1)
        changed = pixels[chosen.view(-1, 1, 1), from_rows.unsqueeze(2), from_columns.unsqueeze(1)]
        if self.cutout:
            blank = _near(rows, row, self.cutout).unsqueeze(2) & _near(columns, column, self.cutout).unsqueeze(1)
            changed = changed.masked_fill(blank.unsqueeze(3), 0)
        return changed.permute(0, 3, 1, 2)


def _reflect(positions: Tensor, size: int) -> Tensor:
    """Positions outside 0 to `size` - 1, mirrored at the first and the last."""
    return size - 1 - (size - 1 - positions.abs()).abs()


def _near(positions: Tensor, centers: Tensor, side: int) -> Tensor:
    """Which positions lie in the window of `side` around each centre: (N, positions)."""
    start = centers - side // 2
    return (positions >= start) & (positions < start + side)
