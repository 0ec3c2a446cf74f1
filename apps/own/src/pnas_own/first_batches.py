"""The first batch of each of a user's loaders, looked at before anything is slow."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from pnas_apps.ground.errors import UserError
from pnas_own.given import Given
from pnas_supernet import seeded

LOADERS = ("for the weights", "for the choice", "for the test")
_WANTED = f"let loaders return three: batches {', '.join(LOADERS)}"
_PAIR = "let each batch be a pair (images, targets)"


def check_loaders(made: Any, given: Given, *, seed: int) -> tuple[int, int]:
    """Checks what the function returned, by the first batch of each of the three.

    Returns:
        Height and width of the images.

    Raises:
        UserError: for anything but three that have batches of uint8 RGB pixels (N, 3, H, W) of one size, each with
            targets, a tensor with a row an image; and for what is used up after one pass.
    """
    if not isinstance(made, tuple | list) or len(made) != 3:
        raise UserError(f"{given.path}: loaders returned a {type(made).__name__}: {_WANTED}")
    sizes = [_image_size(batches, given, which, seed) for which, batches in zip(LOADERS, made, strict=True)]
    for which, size in zip(LOADERS, sizes, strict=True):
        if size != sizes[0]:
            raise UserError(
                f"{given.path}: loaders give images of {_side(sizes[0])} {LOADERS[0]} and of {_side(size)} {which}: "
                "give all of one size"
            )
    return sizes[0]


def _image_size(batches: Any, given: Given, which: str, seed: int) -> tuple[int, int]:
    if not (
        hasattr(batches, "__iter__") and hasattr(batches, "__len__") and given.call("loaders", lambda: len(batches))
    ):
        raise UserError(f"{given.path}: loaders returned a {type(batches).__name__} without batches {which}: {_WANTED}")
    if isinstance(batches, Iterator):
        raise UserError(
            f"{given.path}: loaders returned a {type(batches).__name__} {which}, which is exhausted after one pass: "
            "return a list of batches, or a data loader"
        )
    with seeded(seed):
        batch = given.call("loaders", lambda: next(iter(batches), None))
    where = f"{given.path}: loaders give {which}"
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        what = f"a {type(batch).__name__}" + (f" of {len(batch)}" if isinstance(batch, tuple | list) else "")
        raise UserError(f"{where} {what}: {_PAIR}")
    pixels, targets = batch
    if not _are_pixels(pixels):
        raise UserError(f"{where} images as {_looks(pixels)}: give uint8 RGB pixels (N, 3, H, W)")
    if not isinstance(targets, Tensor) or targets.shape[:1] != pixels.shape[:1]:
        raise UserError(
            f"{where} targets as {_looks(targets)} of {len(pixels)} images: give a tensor with one row per image"
        )
    return pixels.shape[2], pixels.shape[3]


def _are_pixels(pixels: Any) -> bool:
    return (
        isinstance(pixels, Tensor)
        and pixels.dtype == torch.uint8
        and pixels.ndim == 4
        and pixels.shape[1] == 3
        and bool(pixels.numel())
    )


def _looks(value: Any) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def _side(size: tuple[int, int]) -> str:
    return "x".join(map(str, size))
