"""Photographs that do not fit into memory: where they are, and of which class."""

import os
from pathlib import Path

import numpy as np
import torch
from attrs import evolve, frozen
from numpy.typing import NDArray
from torch import Tensor

from pnas_apps.ground.errors import UserError
from pnas_apps.images.folders import find_classes, image_names


@frozen(kw_only=True, eq=False)
class PhotoSet:
    """Labelled files `folder/CLASS/NAME`.

    Attributes:
        folder: holds one sub-folder a class.
        names: of the files, as bytes, (N,): one array, since a million strings would be copied into every worker by and
            by, which counts its references to each of them.
        labels: int64, (N,), indices into `classes`.
        classes: names.
    """

    folder: Path
    names: NDArray[np.bytes_]
    labels: Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def path(self, index: int) -> Path:
        """Of one photo."""
        return self.folder / self.classes[int(self.labels[index])] / os.fsdecode(self.names[index])

    def subset(self, indices: Tensor) -> "PhotoSet":
        """The photos at `indices`, in that order."""
        return evolve(self, names=self.names[indices.numpy()], labels=self.labels[indices])


def find_photos(folder: Path, *, classes: tuple[str, ...] | None = None) -> PhotoSet:
    """All image files of `folder/CLASS/*`, none of which is opened.

    Args:
        folder: holds one sub-folder a class.
        classes: the classes that must be there, in this order; the sub-folders' names in order if None.

    Raises:
        UserError: naming the folder without images or with fewer than two classes, or the missing or unknown class.
    """
    classes = find_classes(folder, classes)
    names = [image_names(folder / name) for name in classes]
    labels = torch.repeat_interleave(torch.arange(len(classes)), torch.tensor([len(row) for row in names]))
    return PhotoSet(
        folder=folder,
        names=np.array([os.fsencode(name) for row in names for name in row]),
        labels=labels,
        classes=classes,
    )


def find_train_and_val(folder: Path) -> tuple[PhotoSet, PhotoSet]:
    """The photos of `folder/train/CLASS/*` and of `folder/val/CLASS/*`, which are ImageNet's names.

    Raises:
        UserError: as `find_photos`, and for a folder that has no `train` and `val`.
    """
    for part in ("train", "val"):
        if not (folder / part).is_dir():
            raise UserError(f"{folder} has no sub-folder {part}: expected train/CLASS/* and val/CLASS/* with images")
    train = find_photos(folder / "train")
    return train, find_photos(folder / "val", classes=train.classes)
