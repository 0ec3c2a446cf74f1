"""One photo: from any file that Pillow reads to RGB pixels, the right way up. Shapes: C channels, H x W pixels."""

import struct
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch
from attrs import frozen
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor

_TURNED = frozenset({5, 6, 7, 8})
"""Orientations of EXIF in which height and width are exchanged."""
_LARGEST_SHRINK = 8
_PILLOW_ERRORS = (
    OSError,
    UnidentifiedImageError,
    SyntaxError,
    ValueError,
    struct.error,
    Image.DecompressionBombError,
)


@frozen(kw_only=True)
class Box:
    """A part of a photo, in pixels."""

    top: int
    left: int
    height: int
    width: int


class UnreadablePhotoError(Exception):
    """Its message is what is wrong with the file."""


class PhotoFile:
    """A photo of which nothing but its header has been read.

    Decoding is Pillow's: it knows more formats and colour spaces, and lets libjpeg shrink a photo while it decodes.
    (torchvision's decoders are a quarter faster where nothing is shrunk; since 0.29 they warn of their removal.)

    Attributes:
        height, width: in pixels, the right way up.
    """

    def __init__(self, image: Image.Image) -> None:
        self._image = image
        turned = image.getexif().get(ExifTags.Base.Orientation) in _TURNED
        self.width, self.height = image.size[::-1] if turned else image.size

    def decode(self, box: Box | None = None, *, shrink: float = 1.0) -> Tensor:
        """RGB pixels, uint8, (3, H, W), in channels_last order. A photo is decoded once.

        Args:
            box: what is wanted of the photo; all if None.
            shrink: how much smaller it may be at most; JPEG files are cheaper to decode at a half, a quarter or an
                eighth of their size, all others keep their size.

        Raises:
            UnreadablePhotoError: for a file that is damaged.
        """
        factor = _LARGEST_SHRINK
        while factor > max(1, shrink):
            factor //= 2
        with _told_unreadable():
            if factor > 1:
                width, height = self._image.size
                self._image.draft(None, (width // factor, height // factor))
            ImageOps.exif_transpose(self._image, in_place=True)
            # Before it becomes an array, since that copies.
            image = self._image if box is None else self._image.crop(self._scaled(box))
            return torch.from_numpy(_rgb(image)).permute(2, 0, 1)

    def _scaled(self, box: Box) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of a box in the photo, which may have been decoded at a smaller size."""
        right, down = self._image.width / self.width, self._image.height / self.height
        return (
            round(box.left * right),
            round(box.top * down),
            round((box.left + box.width) * right),
            round((box.top + box.height) * down),
        )


@contextmanager
def open_photo(path: Path) -> Iterator[PhotoFile]:
    """A photo, closed after the `with` block.

    Raises:
        UnreadablePhotoError: for a file that is missing or not an image.
    """
    with ExitStack() as stack:
        with _told_unreadable():
            photo = PhotoFile(stack.enter_context(Image.open(path)))
        yield photo


@contextmanager
def _told_unreadable() -> Iterator[None]:
    """Inside the `with` block Pillow's errors are ours."""
    with warnings.catch_warnings():
        # Of odd metadata and large files, neither of which changes a pixel.
        warnings.simplefilter("ignore")
        try:
            yield
        except _PILLOW_ERRORS as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise UnreadablePhotoError(reason or str(error)) from None


def _rgb(image: Image.Image) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Pixels (H, W, 3)."""
    if image.mode.startswith("I"):
        # 16 bits of grey, of which Pillow's own conversion would cut off all above 255.
        grey = (np.asarray(image).astype(np.float32) * (255 / 65535)).round().clip(0, 255).astype(np.uint8)
        return np.stack([grey] * 3, axis=2)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))
