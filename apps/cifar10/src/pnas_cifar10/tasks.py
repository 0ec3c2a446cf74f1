"""What the program can be run on."""

from math import isfinite
from pathlib import Path

from pnas_apps.errors import UserError
from pnas_apps.folders import Track
from pnas_apps.settings import Preset, Task
from pnas_cifar10.datasets import read_digits, read_images
from pnas_ops import SearchSpace, cifar_mbconv_space, digits_mbconv_space, workloads


def digits_task(preset: Preset, track: Track) -> Task:
    """Handwritten digits that come with scikit-learn."""
    train, test = read_digits(preset.resolution)
    space = digits_mbconv_space(preset.width_mult, classes=len(train.classes), resolution=preset.resolution)
    return Task(name="digits", train=train, test=test, space=space)


def images_task(folder: Path, download: bool, preset: Preset, track: Track) -> Task:
    """CIFAR-10, or any folder of small images."""
    train, test = read_images(folder, resolution=preset.resolution, download=download, track=track)
    space = cifar_mbconv_space(preset.width_mult, classes=len(train.classes), resolution=preset.resolution)
    return Task(name=folder.resolve().name, train=train, test=test, space=space, data_dir=folder.resolve())


def named_space(space: str, *, classes: int, resolution: int | None, width_mult: float) -> SearchSpace:
    """The space "cifar" or "digits", at its own resolution where none is given.

    Raises:
        UserError: for a resolution that its strides use up, and a width that is no number.
    """
    if not isfinite(width_mult):
        raise UserError(f"width_mult must be a finite number, got {width_mult}: give another --width-mult")
    build, own = {"cifar": (cifar_mbconv_space, 32), "digits": (digits_mbconv_space, 16)}[space]
    found = build(width_mult, classes=classes, resolution=resolution or own)
    try:
        workloads(found)
    except ValueError as error:
        raise UserError(str(error)) from None
    return found
