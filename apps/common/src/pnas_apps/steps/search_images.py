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
    """Those of the training images that the weights learn on, and those that the architecture does.

    Args:
        images: all of them.
        preset: says how many.
        generator: for each purpose, draws.

    Raises:
        UserError: where a class has too few.
    """
    if preset.search_share < 1:
        _, images = split_share(images, preset.search_share, generator("search images"))
    return preset.hold_out(images, generator("split"))


def check_search_images(task: Task, preset: Preset, world_size: int) -> None:
    """Refuses training images that are too few for a search, before one begins.

    Raises:
        UserError: naming the class that has too few, or what is to be smaller.
    """
    labels = _Labels(classes=task.train.classes, labels=task.train.labels)
    weights, alpha = split_search_images(labels, preset, lambda purpose: seeded_generator(0, purpose))
    count = len(weights.labels)
    if min(count, len(alpha.labels)) < world_size:
        raise UserError(
            f"the {count} and {len(alpha.labels)} images that a search's weights and architecture learn on cannot be "
            f"divided among {world_size} processes: start fewer"
        )
    steps = count // whole_batch_size(preset.batch_size, count, world_size)
    if steps < preset.search.arch_interval:
        raise UserError(
            f"the {count} images that the search's weights learn on are too few: an epoch of them has {steps} batches, "
            f"and the architecture learns after every {preset.search.arch_interval} batches: lower "
            "--search-arch-interval or --batch-size, or give more images"
        )


@frozen(kw_only=True, eq=False)
class _Labels:
    """Images of which nothing but their classes is looked at."""

    classes: tuple[str, ...]
    labels: Tensor

    def subset(self, indices: Tensor) -> Self:
        return evolve(self, labels=self.labels[indices])
