"""What a run works on."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from attrs import evolve, frozen

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.loading import Loading, UnreadablePhotos
from pnas_apps.images.source import ImageSource
from pnas_apps.images.unreadable import check_every_class, judge_unreadable
from pnas_apps.run.preset import Preset
from pnas_ops import Space, TreeSpace, counted

Source = TypeVar("Source", bound=ImageSource)


@frozen(kw_only=True, eq=False)
class Task:
    """Images and the space to search for them.

    Attributes:
        data_dir: folder of the images; None where they come with a library.
        max_unreadable_share: of the images that are still to be read from their files, how many may be unreadable.
    """

    name: str
    train: ImageSource
    test: ImageSource
    space: Space
    data_dir: Path | None = None
    max_unreadable_share: float = 0.0

    def resized(self, resolution: int) -> "Task":
        """The same with the images as a net of another resolution takes them."""
        return evolve(self, train=self.train.resized(resolution), test=self.test.resized(resolution))

    def on(self, device: torch.device) -> "Task":
        """The same, with its images in a device's memory if they are in memory and fit there."""
        return evolve(self, train=self.train.on(device), test=self.test.on(device))

    def loading(self, tell: Callable[[str], None], *, workers: int = 0, rank: int = 0, world_size: int = 1) -> Loading:
        """How its images are read; `tell` is given a line for each that is then found to be unreadable."""
        count = len(self.train) + len(self.test)
        unreadable = UnreadablePhotos(count, max_share=self.max_unreadable_share, tell=tell)
        return Loading(unreadable=unreadable, workers=workers, rank=rank, world_size=world_size)


def check_task(task: Task, preset: Preset) -> None:
    """Raises a UserError where the search space takes images of other channels, or lacks what the training drops."""
    channels = len(task.train.preprocessing.mean)
    if channels != task.space.in_channels:
        raise UserError(
            f"space {preset.space!r} is for images of {counted(task.space.in_channels, 'channel')}, these have "
            f"{channels}: name another --space"
        )
    if preset.train.path_dropping and not isinstance(task.space, TreeSpace):
        raise UserError(f"space {preset.space!r} has no trees, whose paths could be dropped: set path_dropping to 0")


def without_unreadable(task: Task, *, workers: int, cache: Cache, reporter: Reporter) -> Task:
    """The task without the images that cannot be read, which are then no part of it: so that it is the same once they
    are gone.

    Args:
        task: what a run works on.
        workers: processes that read the images.
        cache: remembers those that can be read.
        reporter: shows progress, and reports each one that cannot.

    Raises:
        UserError: for a larger share of them than the task allows, and a class without any other.
    """
    train, test = readable_parts(
        (task.train, task.test), max_share=task.max_unreadable_share, workers=workers, cache=cache, reporter=reporter
    )
    return evolve(task, train=train, test=test)


def readable_parts(
    parts: tuple[Source, Source], *, max_share: float, workers: int, cache: Cache, reporter: Reporter
) -> tuple[Source, Source]:
    """The training and the test images without those that cannot be read, see `without_unreadable`.

    Args:
        parts: both.
        max_share: of all, that may be unreadable.
        workers, cache, reporter: as there.

    Raises:
        UserError: as there.
    """
    found = [part.find_unreadable(workers=workers, cache=cache, reporter=reporter) for part in parts]
    judge_unreadable(
        [image for row in found for _, image in row], sum(map(len, parts)), max_share=max_share, tell=reporter.line
    )
    train, test = (_left(part, [index for index, _ in row]) for part, row in zip(parts, found, strict=True))
    return train, test


def _left(images: Source, unreadable: Sequence[int]) -> Source:
    if not unreadable:
        return images
    is_left = torch.ones(len(images), dtype=torch.bool)
    is_left[torch.tensor(unreadable)] = False
    left = images.subset(is_left.nonzero().squeeze(1))
    check_every_class(left.labels, left.classes)
    return left
