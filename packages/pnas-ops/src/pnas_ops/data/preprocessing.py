"""The preprocessing of images for a net."""

from math import isfinite
from typing import Literal

import torch
from attrs import field, frozen
from attrs.validators import in_, optional
from torch import Tensor

from pnas_ops.data.listings import counted
from pnas_ops.data.ranges import POSITIVE_INTEGER

_COUNTS = {"RGB": 3, "grey": 1}


@frozen(kw_only=True)
class Preprocessing:
    """From pixels to the input of a net: resize, scale to [0, 1], subtract the mean, divide by the standard deviation.

    Attributes:
        height, width: in pixels.
        channels: "RGB", in this order, or "grey".
        mean, std: of each channel, for pixels scaled to [0, 1].
        shorter_side: pixels to which the shorter side of a photo is resized (bilinear, antialiased) before the center
            crop of `height` x `width`; None if not specified.

    Raises:
        ValueError: for means or deviations that do not match the channels, a deviation that is not positive, or a
            shorter side that is less than the crop.
    """

    height: int = field(validator=POSITIVE_INTEGER)
    width: int = field(validator=POSITIVE_INTEGER)
    channels: Literal["RGB", "grey"] = field(validator=in_(tuple(_COUNTS)))
    mean: tuple[float, ...]
    std: tuple[float, ...]
    shorter_side: int | None = field(default=None, validator=optional(POSITIVE_INTEGER))

    def __attrs_post_init__(self) -> None:
        count = _COUNTS[self.channels]
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != count:
                raise ValueError(f"{name} needs {count} values for {self.channels}, got {len(values)}")
        if not all(map(isfinite, (*self.mean, *self.std))):
            raise ValueError(f"mean and std must be finite, got {self.mean} and {self.std}")
        if min(self.std) <= 0:
            raise ValueError(f"std must be positive, got {self.std}")
        if self.shorter_side is not None and self.shorter_side < max(self.height, self.width):
            raise ValueError(f"shorter_side {self.shorter_side} is less than {self.height} x {self.width} pixels")

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """The shape of one image: (1, C, H, W)."""
        return (1, _COUNTS[self.channels], self.height, self.width)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Normalizes pixels 0 to 255, (N, C, H, W), of any dtype, to float32 in channels_last order.

        Raises:
            ValueError: for pixels with other channels.
        """
        if pixels.shape[1] != len(self.mean):
            known = counted(len(self.mean), "channel")
            raise ValueError(f"{self.channels} images have {known}, these have {pixels.shape[1]}")
        # One multiplication and one addition, which a converter turns into two operators.
        scale = _of_channels([1 / (255 * std) for std in self.std], pixels)
        shift = _of_channels([-mean / std for mean, std in zip(self.mean, self.std, strict=True)], pixels)
        values = pixels.to(torch.float32, memory_format=torch.channels_last)
        return values * scale + shift


def _of_channels(values: list[float], pixels: Tensor) -> Tensor:
    """One value for each channel, (1, C, 1, 1), on the pixels' device; pinned memory avoids waiting for a GPU."""
    on_cpu = torch.tensor(values, pin_memory=pixels.is_cuda)
    return on_cpu.to(pixels.device, non_blocking=True).view(1, -1, 1, 1)
