"""Images in memory as uint8. Shapes: N images, C channels, H x W pixels."""

import torch
from attrs import frozen
from torch import Tensor

from pnas_apps.images.splitting import split_count, split_share
from pnas_ops import Preprocessing


@frozen(kw_only=True, eq=False)
class ImageSet:
    """Labelled images.

    Attributes:
        images: uint8, (N, C, H, W).
        labels: int64, (N,), indices into `classes`.
        classes: names.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, indices: Tensor) -> "ImageSet":
        """The images at `indices`, in that order."""
        return ImageSet(images=self.images[indices], labels=self.labels[indices], classes=self.classes)

    def split(self, share: float, generator: torch.Generator) -> tuple["ImageSet", "ImageSet"]:
        """The rest, and `share` of every class at random.

        Raises:
            UserError: where a class has too few images to stand on both sides.
        """
        rest, held_out = split_share(self.labels, self.classes, share, generator)
        return self.subset(rest), self.subset(held_out)

    def split_count(self, count: int, generator: torch.Generator) -> tuple["ImageSet", "ImageSet"]:
        """The rest, and `count` images at random, as many of every class.

        Raises:
            UserError: where a class has too few images to stand on both sides, and where it would get none.
        """
        rest, held_out = split_count(self.labels, self.classes, count, generator)
        return self.subset(rest), self.subset(held_out)


def measure_preprocessing(images: ImageSet) -> Preprocessing:
    """The preprocessing that gives these images mean 0 and standard deviation 1 in every channel."""
    values = images.images.transpose(0, 1).flatten(1).double().div_(255)
    mean, std = values.mean(dim=1), values.std(dim=1).clamp(min=1e-3)
    height, width = images.images.shape[2:]
    return Preprocessing(
        height=height,
        width=width,
        channels="grey" if len(values) == 1 else "RGB",
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
    )
