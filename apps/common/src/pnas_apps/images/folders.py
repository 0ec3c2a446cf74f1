"""Image folders with one sub-folder a class, read into memory."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from PIL import Image, UnidentifiedImageError
from torchvision.transforms.v2 import functional

from pnas_apps.ground.errors import UserError
from pnas_apps.images.image_set import ImageSet

IMAGE_SUFFIXES = frozenset(Image.registered_extensions())

Track = Callable[[Iterable[Path], int], Iterable[Path]]
"""Passes the paths through while showing progress; the number is how many there are."""


def read_image_folder(
    folder: Path, *, resolution: int, track: Track, classes: tuple[str, ...] | None = None
) -> ImageSet:
    """All images of `folder/CLASS/*`, as RGB of `resolution` x `resolution` pixels.

    Larger or smaller images are scaled so that the shorter side fits, and cropped at the centre.

    Args:
        folder: holds one sub-folder a class.
        resolution: side in pixels.
        track: shows progress.
        classes: the classes that must be there, in this order; the sub-folders' names in order if None.

    Raises:
        UserError: naming the folder without images or with fewer than two classes, the missing or unknown class, or
            the file that is not an image.
    """
    classes = find_classes(folder, classes)
    paths = [[folder / name / image for image in image_names(folder / name)] for name in classes]
    joined = [path for row in paths for path in row]
    images = torch.stack([_read_image(path, resolution) for path in track(joined, len(joined))])
    labels = torch.repeat_interleave(torch.arange(len(classes)), torch.tensor([len(row) for row in paths]))
    return ImageSet(images=images, labels=labels, classes=classes)


def find_classes(folder: Path, classes: tuple[str, ...] | None) -> tuple[str, ...]:
    """The classes of a folder with one sub-folder a class.

    Args:
        folder: holds the sub-folders.
        classes: those that must be there; whichever are there, in order of their names, if None.

    Raises:
        UserError: naming the folder without or with one sub-folder, and the missing or unknown classes.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: expected sub-folders with images, one for each class")
    found = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")))
    if not found:
        raise UserError(f"{folder} is empty: expected sub-folders with images, one for each class")
    if len(found) == 1:
        raise UserError(f"{folder} holds one class only ({found[0]}): a classifier needs at least two")
    classes = classes or found
    if set(found) != set(classes):
        names = ", ".join(sorted(set(found) ^ set(classes)))
        raise UserError(f"{folder} does not hold the same classes as the training images; they differ in: {names}")
    return classes


def image_names(folder: Path) -> list[str]:
    """The names of all image files of a folder, in order.

    Raises:
        UserError: for a folder without any.
    """
    # os.scandir and splitext, since ImageNet has 1.28 million names: iterdir takes several times as long.
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES)  # noqa: PTH122
    if not names:
        raise UserError(f"{folder} holds no images: add some or remove the folder")
    return names


def _read_image(path: Path, resolution: int) -> torch.Tensor:
    try:
        with Image.open(path) as image:
            pixels: torch.Tensor = functional.pil_to_tensor(image.convert("RGB"))
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is not a readable image ({error}): remove it or replace it") from None
    if pixels.shape[1:] != (resolution, resolution):
        pixels = functional.center_crop(functional.resize(pixels, [resolution], antialias=True), [resolution])
    return pixels
