"""One image: from any file that Pillow reads to RGB pixels, the right way up. Shapes: C channels, H x W pixels.

>>> pixels = read_image(Path("photo.jpg"))  # uint8, (3, H, W)
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from attrs import frozen
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor

from pnas_apps.images.formats import image_formats

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What sets an image of each EXIF orientation right. (Pillow's own function also writes the EXIF data anew, and raises
where cameras left them odd.)"""
_SIDEWAYS = frozenset({5, 6, 7, 8})
"""Orientations in which height and width are exchanged."""
_LARGEST_SHRINK = 8
_BITS, _PHOTOMETRIC = 258, 262
"""Of a TIFF file, its tags for how many bits a value has, and what 0 means."""
_WHITE_IS_ZERO = 0


@frozen(kw_only=True)
class Box:
    """A part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int


class UnreadableImageError(Exception):
    """Its message is what is wrong with the file, in one line."""


class ImageFile:
    """An image of which nothing but its header has been read, if it is a JPEG file; all others are decoded whole.

    Decoding is Pillow's: it knows more formats and colour spaces, and lets libjpeg shrink a photo while it decodes.
    (torchvision's decoders are a quarter faster where nothing is shrunk; since 0.29 they warn of their removal.)

    What an image means is what a viewer shows. It stands upright, as its EXIF data say. Whatever is transparent is seen
    on white. Grey of 16 bits becomes the nearest of 8, 0 to 65535 being 0 to 255; floating-point grey must lie between
    0 and 1, which becomes 0 to 255. Colours of 16 bits lose their lower 8, in Pillow. Of several pictures in a file the
    first counts.

    Attributes:
        height, width: in pixels, the right way up.
    """

    def __init__(self, image: Image.Image) -> None:
        self._shrinks = image.format in ("JPEG", "MPO")
        # The EXIF data of a PNG file may stand behind its pixels; a TIFF file is turned while it is loaded.
        if not self._shrinks:
            image.load()
        orientation = 1 if image.format == "TIFF" else image.getexif().get(ExifTags.Base.Orientation, 1)
        self._turn = _TURNS.get(orientation)
        self._image = image if self._shrinks else _of_8_bits(image)
        self.width, self.height = image.size[::-1] if orientation in _SIDEWAYS else image.size

    def decode(self, box: Box | None = None, *, shrink: float = 1.0) -> Tensor:
        """RGB pixels, uint8, (3, H, W), in channels_last order. An image is decoded once.

        Args:
            box: what is wanted of the image; all if None.
            shrink: how much smaller it may be at most; JPEG files are cheaper to decode at a half, a quarter or an
                eighth of their size, all others keep their size.

        Raises:
            UnreadableImageError: for a file that is damaged.
        """
        factor = _LARGEST_SHRINK
        while factor > max(1, shrink):
            factor //= 2
        with _decoder_errors_named():
            if factor > 1 and self._shrinks:
                width, height = self._image.size
                self._image.draft(None, (width // factor, height // factor))
            image = self._image if self._turn is None else self._image.transpose(self._turn)
            # Before it becomes an array, since that copies.
            image = image if box is None else image.crop(self._scaled(box, image))
            return torch.from_numpy(np.array(_rgb(image))).permute(2, 0, 1)

    def _scaled(self, box: Box, image: Image.Image) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of a box in the image, which may have been decoded at a smaller size."""
        right, down = image.width / self.width, image.height / self.height
        return (
            round(box.left * right),
            round(box.top * down),
            round((box.left + box.width) * right),
            round((box.top + box.height) * down),
        )


@contextmanager
def open_image(path: str | os.PathLike[str]) -> Iterator[ImageFile]:
    """An image, closed after the `with` block.

    Raises:
        UnreadableImageError: for a file that is missing, not an image, or damaged.
    """
    with ExitStack() as stack:
        with _decoder_errors_named():
            image = ImageFile(stack.enter_context(Image.open(path, formats=image_formats())))
        yield image


def read_image(path: str | os.PathLike[str]) -> Tensor:
    """RGB pixels of an image, see `ImageFile`: uint8, (3, H, W), in channels_last order.

    Raises:
        UnreadableImageError: for a file that is missing, not an image, or damaged.
    """
    with open_image(path) as image:
        return image.decode()


@contextmanager
def _decoder_errors_named() -> Iterator[None]:
    """Inside the `with` block errors are ours."""
    with warnings.catch_warnings():
        # Of odd metadata and large files, neither of which changes a pixel.
        warnings.simplefilter("ignore")
        try:
            yield
        except (UnreadableImageError, MemoryError):
            raise
        except UnidentifiedImageError:
            raise UnreadableImageError("not an image, or an unknown format") from None
        # Some forty decoders, which meet anything: of a damaged file each raises something else.
        except Exception as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise UnreadableImageError(" ".join((reason or str(error) or type(error).__name__).split())) from None


def _rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    return image if image.mode == "RGB" else image.convert("RGB")


def _of_8_bits(image: Image.Image) -> Image.Image:
    """The image, or one of mode L where it has grey values of more than 8 bits, which Pillow would cut off at 255."""
    if image.mode == "F":
        values = np.asarray(image)
        if not (values.min() >= 0 and values.max() <= 1):  # nor where one is no number
            raise UnreadableImageError(
                f"floating-point pixels from {values.min():g} to {values.max():g}, but only 0 to 1 are known"
            )
        return Image.fromarray((values * 255).round().astype(np.uint8))
    if not image.mode.startswith("I"):
        return image
    grey = np.asarray(image).astype(np.int64)
    tags = image.tag_v2 if image.format == "TIFF" else {}  # type: ignore[attr-defined]
    white = 4095 if tags.get(_BITS) == (12,) else 65535
    if grey.min() < 0 or grey.max() > white:
        raise UnreadableImageError(f"grey values from {grey.min()} to {grey.max()}, but only 0 to {white} are known")
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = white - grey
    return Image.fromarray(((grey * 255 + white // 2) // white).astype(np.uint8))
