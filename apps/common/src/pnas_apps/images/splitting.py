"""Which images are held out: some of every class, at random."""

from collections.abc import Callable
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

from pnas_apps.ground.errors import UserError


class Labelled(Protocol):
    """Images of known classes, of which some can be taken."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names."""

    @property
    def labels(self) -> Tensor:
        """Indices into the classes, int64, (N,)."""

    def subset(self, indices: Tensor) -> Self:
        """The images at `indices`, in that order."""


Images = TypeVar("Images", bound=Labelled)


def split_share(images: Images, share: float, generator: torch.Generator) -> tuple[Images, Images]:
    """The rest, and `share` of every class at random, both in order.

    Args:
        images: of a known class each.
        share: between 0 and 1.
        generator: draws.

    Raises:
        UserError: where a class has too few images to stand on both sides.
    """
    return _split(images, lambda label, size: round(share * size), f"{100 * share:g}% of them", generator)


def split_count(images: Images, count: int, generator: torch.Generator) -> tuple[Images, Images]:
    """The rest, and `count` images at random, as many of every class (or one more), both in order.

    The original holds out 50,000 photos of ImageNet so.

    Args:
        images: of a known class each.
        count: how many are held out.
        generator: draws.

    Raises:
        UserError: where a class has too few images to stand on both sides, and where it would get none.
    """
    each, more = divmod(count, len(images.classes))
    what = f"{count} images of {len(images.classes)} classes"
    return _split(images, lambda label, size: each + (label < more), what, generator)


def _split(
    images: Images, count: Callable[[int, int], int], what: str, generator: torch.Generator
) -> tuple[Images, Images]:
    held_out = []
    for label, name in enumerate(images.classes):
        members = (images.labels == label).nonzero().squeeze(1)
        wanted = count(label, len(members))
        if not 0 < wanted < len(members):
            raise UserError(
                f"class {name!r} has {len(members)} images: too few to hold out {what}: add some to it, or name "
                "another share"
            )
        held_out.append(members[torch.randperm(len(members), generator=generator)[:wanted]])
    mask = torch.zeros(len(images.labels), dtype=torch.bool)
    mask[torch.cat(held_out)] = True
    return images.subset((~mask).nonzero().squeeze(1)), images.subset(mask.nonzero().squeeze(1))
