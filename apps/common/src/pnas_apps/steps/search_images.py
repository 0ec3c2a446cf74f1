"""Which of the training images a search sees, and whether they are enough."""

from collections.abc import Callable
from typing import Self

import torch
from attrs import evolve, frozen
from torch import Tensor

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.images.batch_parts import whole_batch_size
from pnas_apps.images.splitting import Images, split_share
from pnas_apps.run.preset import Preset
from pnas_apps.run.task import Task


def split_search_images(
    images: Images, preset: Preset, generator: Callable[[str], torch.Generator]
) -> tuple[Images, Images]:
    """Splits the training images of the search: those for the weights, and those for the architecture.

    Args:
        images: all of them.
        preset: says how many.
        generator: for each purpose, draws.

    Raises:
        UserError: where a class has too few.
    """
    if preset.search_share < 1:
        every = images
        _, images = split_share(every, preset.search_share, generator("search images"), flag="--search-share")
        try:
            return preset.hold_out(images, generator("split"))
        except UserError:
            raise UserError(
                f"--search-share {preset.search_share:g} leaves {len(images.labels)} of {len(every.labels)} images, "
                "too few of some class to hold out any for the architecture: give a larger one"
            ) from None
    return preset.hold_out(images, generator("split"))


def check_search_images(task: Task, preset: Preset, world_size: int) -> None:
    """Refuses training images that are too few for a search, before one begins.

    Raises:
        UserError: naming the class that has too few, or what is to be smaller.
    """
    labels = _Labels(classes=task.train.classes, labels=task.train.labels)
    # First, so that only a share which is too small is refused as such.
    every, _ = preset.hold_out(labels, seeded_generator(0, "split"))
    weights, alpha = split_search_images(labels, preset, lambda purpose: seeded_generator(0, purpose))
    count = len(weights.labels)
    if min(count, len(alpha.labels)) < world_size:
        raise UserError(
            f"{world_size} processes cannot share the {count} and {len(alpha.labels)} images that train the search's "
            "weights and architecture: start fewer"
        )
    check_interval(
        count,
        len(task.train),
        preset.batch_size,
        preset.search.arch_interval,
        world_size,
        of_all=len(every.labels),
    )


def check_interval(
    count: int, images: int, batch_size: int, interval: int, world_size: int = 1, *, of_all: int = 0
) -> None:
    """Refuses a search whose epochs are too short for a step of the architecture.

    Args:
        count: images that the weights learn on.
        images: all that there are to train with.
        batch_size: of the preset.
        interval: batches of the weights after which the architecture learns.
        world_size: processes.
        of_all: images that the weights would learn on if the search saw all; no more than `count` where it does.

    Raises:
        UserError: naming how many images there are, how many would do, and flags with which these do.
    """
    if _suffices(count, batch_size, interval, world_size):
        return
    size = whole_batch_size(batch_size, count, world_size)
    smaller = count // interval // world_size * world_size
    ways = [f"--batch-size {smaller}"] if smaller > world_size else []
    if size == batch_size:
        ways.append(f"--search-arch-interval {count // size}")
    elif size > world_size:
        # With one batch an epoch the interval is 1, and the batch has to be what is there.
        ways.append(f"--search-arch-interval 1 --batch-size {size}")
    if _suffices(of_all, batch_size, interval, world_size):
        ways.append("--search-share 1")
    give = f"give {' or '.join(ways)}, or add images" if ways else "add images"
    raise UserError(
        f"the search trains its weights on {count} of the {images} training images, but needs {interval * batch_size} "
        f"({interval} batches of {batch_size} per architecture step): {give}"
    )


def _suffices(count: int, batch_size: int, interval: int, world_size: int) -> bool:
    """Whether so many images are enough for a step of the architecture. A batch of one image has no statistics."""
    size = whole_batch_size(batch_size, count, world_size)
    return count // size >= interval and size > world_size


@frozen(kw_only=True, eq=False)
class _Labels:
    """Images of which nothing but their classes is looked at."""

    classes: tuple[str, ...]
    labels: Tensor

    def subset(self, indices: Tensor) -> Self:
        return evolve(self, labels=self.labels[indices])
