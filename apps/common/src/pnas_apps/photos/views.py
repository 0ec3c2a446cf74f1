"""What a net sees of a photo, in training and when it is judged. Shapes: N photos, C channels, H x W pixels.

A view has two halves. What is cut out of one file and brought to size is made where the file is decoded; the rest of a
whole batch, where that is.
"""

from typing import Literal, NamedTuple

import torch
from attrs import field, frozen
from attrs.validators import in_
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from pnas_apps.images.image_file import Box, ImageFile
from pnas_apps.images.sending import sent
from pnas_apps.photos.colours import jittered
from pnas_ops import Preprocessing, Range
from pnas_supernet import seeded

_CENTER_SHARE = 0.875
"""Of the shorter side that a net is judged on: 224 of 256 pixels."""
_SPARE = 2
"""libjpeg shrinks by dropping frequencies; at twice the needed size the resize that follows hides how."""
COLOR_JITTER: dict[str, dict[str, float]] = {
    "none": {},
    "normal": {"brightness": 32 / 255, "saturation": 0.5},
    "strong": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1},
}
"""The original's `distort_color`."""


def photo_preprocessing(resolution: int) -> Preprocessing:
    """ImageNet's mean and deviation for photos of any kind: measuring would mean to read all of them, for a first layer
    that any scale and shift can be folded into.
    """
    return Preprocessing(
        height=resolution,
        width=resolution,
        channels="RGB",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        shorter_side=centered_side(resolution),
    )


@frozen(kw_only=True)
class PhotoAugmentation:
    """Random changes of training photos.

    Attributes:
        min_scale: smallest share of a photo's area that is cut out; the cut-out is brought to size.
        horizontal_flip: whether half of the photos are mirrored.
        color_jitter: how much brightness, contrast, saturation and hue change.
        rand_augment: magnitude, 1 to 30, of two random operations (RandAugment, arXiv 1909.13719); 0 for none.
    """

    min_scale: float = field(default=0.08, validator=Range(0.001, 1.0))
    horizontal_flip: bool = True
    color_jitter: Literal["none", "normal", "strong"] = field(default="none", validator=in_(tuple(COLOR_JITTER)))
    rand_augment: int = field(default=0, validator=Range(0, 30, whole=True))


class Cut(NamedTuple):
    """The first half of a view.

    Attributes:
        pixels: uint8, (3, resolution, resolution).
        drawn: what the second half takes of all that is random: float32, of the same length for all photos.
    """

    pixels: Tensor
    drawn: Tensor


class TrainingView:
    """A random cut-out of a photo, brought to size and changed.

    Args:
        resolution: of the view, in pixels.
        augmentation: what is done.
    """

    def __init__(self, resolution: int, augmentation: PhotoAugmentation) -> None:
        self.resolution = resolution
        self._crop = v2.RandomResizedCrop(resolution, scale=(augmentation.min_scale, 1.0))
        self._mirrors = augmentation.horizontal_flip
        magnitude = augmentation.rand_augment
        self._rand_augment = v2.RandAugment(magnitude=magnitude) if magnitude else None
        self._jitter = v2.ColorJitter(**COLOR_JITTER[augmentation.color_jitter])

    def __call__(self, photo: ImageFile, seed: int) -> Tensor:
        """The whole view that `seed` stands for: uint8, (3, resolution, resolution)."""
        pixels, drawn = self.cut(photo, seed)
        return self.finish(pixels[None], drawn[None])[0]

    def cut(self, photo: ImageFile, seed: int) -> Cut:
        """The first half of the view: cut, resized, and with RandAugment, whose many operations are for one photo."""
        with seeded(seed):
            # Known before anything is decoded, so that a large photo need not be decoded at full size.
            box = Box(**self._crop.make_params([torch.empty((1, photo.height, photo.width), device="meta")]))
            cut = photo.decode(box, shrink=min(box.height, box.width) / (_SPARE * self.resolution))
            pixels: Tensor = functional.resize(cut, [self.resolution, self.resolution], antialias=True)
            mirrored = self._mirrors and bool(torch.rand(1) < 0.5)
            if self._rand_augment is not None:
                pixels = self._rand_augment(pixels.flip(2) if mirrored else pixels)
                mirrored = False
            kinds, amounts = self._drawn_jitter()
        return Cut(pixels, torch.tensor([float(mirrored), *kinds, *amounts]))

    def finish(self, pixels: Tensor, drawn: Tensor) -> Tensor:
        """The second half: mirrored, and with other colours.

        Args:
            pixels: of N cuts, uint8, (N, 3, resolution, resolution), on any device.
            drawn: of them, (N, length), on the CPU.
        """
        mirrored, (kinds, amounts) = drawn[:, :1], drawn[:, 1:].chunk(2, dim=1)
        if self._mirrors:
            pixels = torch.where(sent(mirrored, pixels.device).view(-1, 1, 1, 1) > 0, pixels.flip(3), pixels)
        return jittered(pixels, kinds.long(), amounts)

    def _drawn_jitter(self) -> tuple[list[int], list[float]]:
        """Which of its colours are changed in which order, and by how much."""
        params = self._jitter.make_params([])
        names = ("brightness", "contrast", "saturation", "hue")
        amounts = [params[f"{name}_factor"] for name in names]
        kinds = [kind for kind in params["fn_idx"].tolist() if amounts[kind] is not None]
        return kinds, [amounts[kind] for kind in kinds]


class CenterView:
    """The middle of a photo, of which the shorter side was brought to `resolution` / 0.875.

    Args:
        resolution: of the view, in pixels.
    """

    def __init__(self, resolution: int) -> None:
        self.resolution = resolution

    def __call__(self, photo: ImageFile, seed: int) -> Tensor:
        """Whatever the seed, the same view: uint8, (3, resolution, resolution)."""
        return middle(photo, (self.resolution, self.resolution), centered_side(self.resolution))

    def cut(self, photo: ImageFile, seed: int) -> Cut:
        """All of it; see `TrainingView.cut`."""
        return Cut(self(photo, seed), torch.empty(0))

    def finish(self, pixels: Tensor, drawn: Tensor) -> Tensor:
        """The pixels as they are; see `TrainingView.finish`."""
        return pixels


def centered_side(resolution: int) -> int:
    """To which the shorter side of a photo is brought, before the view of this size is cut out of its middle."""
    return round(resolution / _CENTER_SHARE)


def middle(photo: ImageFile, size: tuple[int, int], shorter_side: int, *, shrinks: bool = True) -> Tensor:
    """The middle of a photo, of which the shorter side was brought to `shorter_side`: uint8, (3, *size).

    Args:
        photo: a photo that is not decoded yet.
        size: height and width, in pixels.
        shorter_side: in pixels.
        shrinks: whether a JPEG file may be decoded at a smaller size.

    Raises:
        UnreadableImageError: for a file that is damaged.
    """
    spare = min(photo.height, photo.width) / (_SPARE * shorter_side)
    pixels = functional.resize(photo.decode(shrink=spare if shrinks else 1.0), [shorter_side], antialias=True)
    return functional.center_crop(pixels, list(size))  # type: ignore[no-any-return]


View = TrainingView | CenterView
