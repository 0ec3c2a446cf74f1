"""Images in memory as uint8. Shapes: N images, C channels, H x W pixels."""

from attrs import frozen
from torch import Tensor

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
        shorter_side=max(height, width),
    )
