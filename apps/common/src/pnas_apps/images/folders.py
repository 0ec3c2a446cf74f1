"""Image folders with one sub-folder a class, and how they are read into memory."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.finding import find_images, is_junk_folder, skipped_line
from pnas_apps.images.image_file import UnreadableImageError, read_image
from pnas_apps.images.image_set import ImageSet
from pnas_apps.images.unreadable import UnreadableImage, shown

_SHOWN_CLASSES = 12


def read_image_folder(
    folder: Path, *, resolution: int, reporter: Reporter, classes: tuple[str, ...] | None = None
) -> tuple[ImageSet, list[UnreadableImage]]:
    """All images under `folder/CLASS`, as RGB of `resolution` x `resolution` pixels, and the files that are unreadable.

    Larger or smaller images are scaled so that the shorter side fits, and cropped at the centre.

    Args:
        folder: holds one sub-folder a class.
        resolution: side in pixels.
        reporter: shows progress, and is told which files are no images.
        classes: the classes that must be there, in this order; the sub-folders' names in order if None.

    Raises:
        UserError: as `find_class_images` does.
    """
    classes, names = find_class_images(folder, classes, reporter)
    files = [(label, folder / classes[label] / name) for label, row in enumerate(names) for name in row]
    images, labels, unreadable = [], [], []
    for label, path in reporter.counted("reading images", files, len(files), "images"):
        try:
            images.append(_brought_to(resolution, read_image(path)))
            labels.append(label)
        except UnreadableImageError as error:
            unreadable.append(UnreadableImage(path=path, reason=str(error)))
    stacked = torch.stack(images) if images else torch.empty((0, 3, resolution, resolution), dtype=torch.uint8)
    return ImageSet(images=stacked, labels=torch.tensor(labels, dtype=torch.int64), classes=classes), unreadable


def find_class_images(
    folder: Path, classes: tuple[str, ...] | None, reporter: Reporter
) -> tuple[tuple[str, ...], list[list[str]]]:
    """The classes of a folder, and the names of the images of each, see `find_images`.

    Args:
        folder: holds one sub-folder a class.
        classes: the classes that must be there; whichever are there, in order of their names, if None.
        reporter: is told how many files are left out, and why.

    Raises:
        UserError: naming the folder without or with one sub-folder, one without images, a name that no class can have,
            and the missing or unknown classes.
    """
    classes = find_classes(folder, classes)
    found = [find_images(folder / name) for name in classes]
    skipped = sum((one.skipped for one in found), Counter[str]())
    beside = sum(not entry.is_dir() and not entry.name.startswith(".") for entry in folder.iterdir())
    if beside:
        skipped["next to the class folders"] = beside
    if skipped:
        reporter.line(f"{shown(folder)}: skipped {skipped_line(skipped)}")
    return classes, [one.names for one in found]


def find_classes(folder: Path, classes: tuple[str, ...] | None) -> tuple[str, ...]:
    """The classes of a folder with one sub-folder a class.

    Args:
        folder: holds the sub-folders.
        classes: the classes that must be there; whichever are there, in order of their names, if None.

    Raises:
        UserError: naming the folder without or with one sub-folder, a name that no class can have, and the missing or
            unknown classes.
    """
    if not folder.is_dir():
        way_out = "unpack it, and name the folder" if folder.is_file() else "name another"
        raise UserError(f"{folder} is not a folder with sub-folders of images, one per class: {way_out}")
    found = _folders_in(folder)
    for name in found:
        if not _is_line(name):
            raise UserError(
                f"{shown(folder / name)} cannot name a class, since it is not a line of UTF-8: rename the folder"
            )
    if not found:
        raise UserError(f"{folder} has no sub-folders: name a folder with one sub-folder of images per class")
    if len(found) == 1:
        within = folder / found[0]
        way_out = (
            f"if the classes are inside it, name {within}"
            if len(_folders_in(within)) > 1
            else "a classifier needs at least two"
        )
        raise UserError(f"{folder} holds only one class ({found[0]}): {way_out}")
    classes = classes or found
    if set(found) != set(classes):
        missing, more = sorted({*classes} - {*found}), sorted({*found} - {*classes})
        differences = [f"lacks {_listed(missing)}"] if missing else []
        differences += [f"also has {_listed(more)}"] if more else []
        raise UserError(
            f"{folder} has other classes than the training images: it {' and '.join(differences)}: give both the same "
            "sub-folders"
        )
    return classes


def _folders_in(folder: Path) -> tuple[str, ...]:
    """The names of the sub-folders that are the user's, in order."""
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder} cannot be read ({error.strerror}): allow it, or name another folder") from None
    return tuple(sorted(entry.name for entry in entries if entry.is_dir() and not is_junk_folder(entry.name)))


def _listed(names: Sequence[str]) -> str:
    left = len(names) - _SHOWN_CLASSES
    return ", ".join([*names[:_SHOWN_CLASSES], *([f"{left} more"] if left > 0 else [])])


def _is_line(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # Python's stand-ins for bytes that are no UTF-8
        return False
    return name.splitlines() == [name]


def _brought_to(resolution: int, pixels: Tensor) -> Tensor:
    if pixels.shape[1:] == (resolution, resolution):
        return pixels.contiguous()
    scaled = functional.resize(pixels.contiguous(), [resolution], antialias=True)
    cropped: Tensor = functional.center_crop(scaled, [resolution])
    return cropped
