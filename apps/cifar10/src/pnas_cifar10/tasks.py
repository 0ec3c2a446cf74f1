"""What the program can be run on."""

from math import isfinite
from pathlib import Path
from typing import NamedTuple, Protocol

from pnas_apps.errors import UserError
from pnas_apps.folders import Track
from pnas_apps.images import ImageSet
from pnas_apps.settings import Preset, Task
from pnas_cifar10.datasets import read_digits, read_images
from pnas_ops import Space, cifar_mbconv_space, cifar_tree_space, digits_mbconv_space, workloads


class _BuildSpace(Protocol):
    def __call__(self, width_mult: float, *, blocks_per_stage: int, classes: int, resolution: int) -> Space: ...


class _Named(NamedTuple):
    """A space, and its own resolution and number of blocks."""

    build: _BuildSpace
    resolution: int
    blocks_per_stage: int


_SPACES = {
    "cifar": _Named(cifar_mbconv_space, 32, 3),
    "tree": _Named(cifar_tree_space, 32, 18),
    "digits": _Named(digits_mbconv_space, 16, 3),
}


def digits_task(preset: Preset, track: Track) -> Task:
    """Handwritten digits that come with scikit-learn."""
    train, test = read_digits(preset.resolution)
    return Task(name="digits", train=train, test=test, space=_space_of(preset, train))


def images_task(folder: Path, download: bool, preset: Preset, track: Track) -> Task:
    """CIFAR-10, or any folder of small images."""
    train, test = read_images(folder, resolution=preset.resolution, download=download, track=track)
    space = _space_of(preset, train)
    return Task(name=folder.resolve().name, train=train, test=test, space=space, data_dir=folder.resolve())


def named_space(
    space: str, *, classes: int, resolution: int | None, blocks_per_stage: int | None, width_mult: float
) -> Space:
    """The space "cifar", "tree" or "digits", at its own resolution and with its own blocks where none are given.

    Raises:
        UserError: for another name, a resolution that its strides use up, and a width that is no number.
    """
    if space not in _SPACES:
        raise UserError(f"there is no space {space!r}: name one of {', '.join(_SPACES)}")
    if not isfinite(width_mult):
        raise UserError(f"width_mult must be a finite number, got {width_mult}: give another --width-mult")
    named = _SPACES[space]
    try:
        found = named.build(
            width_mult,
            blocks_per_stage=blocks_per_stage or named.blocks_per_stage,
            classes=classes,
            resolution=resolution or named.resolution,
        )
        workloads(found)
    except ValueError as error:
        raise UserError(str(error)) from None
    return found


def _space_of(preset: Preset, train: ImageSet) -> Space:
    return named_space(
        preset.space,
        classes=len(train.classes),
        resolution=preset.resolution,
        blocks_per_stage=preset.blocks_per_stage,
        width_mult=preset.width_mult,
    )
