"""Photographs that do not fit into memory: where they are, and of which class."""

import os
from pathlib import Path

import numpy as np
import torch
from attrs import evolve, frozen
from numpy.typing import NDArray
from torch import Tensor

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.folders import find_class_images


@frozen(kw_only=True, eq=False)
class PhotoSet:
    """Labelled files under `folder/CLASS`.

    Attributes:
        folder: holds one sub-folder a class.
        names: of the files, from the folder of their class on, as bytes, (N,): one array, since a million strings would
            be copied into every worker by and by, which counts its references to each of them.
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
        """The path of one photo."""
        return self.folder / self.classes[int(self.labels[index])] / os.fsdecode(self.names[index])

    def subset(self, indices: Tensor) -> "PhotoSet":
        """The photos at `indices`, in that order."""
        return evolve(self, names=self.names[indices.numpy()], labels=self.labels[indices])


def find_photos(folder: Path, *, reporter: Reporter, classes: tuple[str, ...] | None = None) -> PhotoSet:
    """All image files under `folder/CLASS`, none of which is opened.

    Args:
        folder: holds one sub-folder a class.
        reporter: is told which files are no images.
        classes: the classes that must be there, in this order; the sub-folders' names in order if None.

    Raises:
        UserError: as `find_class_images` does.
    """
    classes, names = find_class_images(folder, classes, reporter)
    labels = torch.repeat_interleave(torch.arange(len(classes)), torch.tensor([len(row) for row in names]))
    return PhotoSet(
        folder=folder,
        names=np.array([os.fsencode(name) for row in names for name in row]),
        labels=labels,
        classes=classes,
    )


def find_train_and_val(folder: Path, *, reporter: Reporter) -> tuple[PhotoSet, PhotoSet]:
    """The photos under `folder/train/CLASS` and `folder/val/CLASS`, which are ImageNet's names.

    Raises:
        UserError: as `find_photos`, and for a folder that has no `train` and `val`.
    """
    for part in ("train", "val"):
        if not (folder / part).is_dir():
            raise UserError(f"{folder} has no sub-folder {part}: expected train/CLASS/* and val/CLASS/* with images")
    train = find_photos(folder / "train", reporter=reporter)
    return train, find_photos(folder / "val", reporter=reporter, classes=train.classes)
