"""Images in memory as uint8. Shapes: N images, C channels, H x W pixels."""

import torch
from attrs import evolve, frozen
from torch import Tensor
from torch.nn.functional import interpolate

from pnas_ops import Preprocessing

_RESIZED_AT_ONCE = 1024
_SHARE_OF_GPU = 0.1
"""Of a GPU's free memory, that images may take: a search holds them once more, in its two parts, and nets want room."""


@frozen(kw_only=True, eq=False)
class ImageSet:
    """Labelled images.

    Attributes:
        images: uint8, (N, C, H, W), on any device.
        labels: int64, (N,), indices into `classes`, on the CPU.
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

    def resized(self, resolution: int) -> "ImageSet":
        """The images resized to sides of so many pixels (bilinear, antialiased)."""
        # In parts, since all of them as floating-point numbers take four times the memory.
        parts = (
            interpolate(part.float(), (resolution, resolution), mode="bilinear", antialias=True).round().to(torch.uint8)
            for part in torch.split(self.images, _RESIZED_AT_ONCE)
        )
        return evolve(self, images=torch.cat([*parts]))

    def on(self, device: torch.device) -> "ImageSet":
        """The same images in the memory of a device, or where they are if they would not leave it enough."""
        if device.type == "cuda" and self.images.nbytes > _SHARE_OF_GPU * torch.cuda.mem_get_info(device)[0]:
            return self
        return evolve(self, images=self.images.to(device))


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
