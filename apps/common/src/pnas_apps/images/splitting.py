"""Which images are held out: some of every class, at random."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

from pnas_apps.ground.errors import UserError
from pnas_ops import counted


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


def split_share(
    images: Images, share: float, generator: torch.Generator, *, flag: str | None = None
) -> tuple[Images, Images]:
    """The rest, and `share` of every class at random, both in order.

    Args:
        images: of a known class each.
        share: between 0 and 1.
        generator: draws.
        flag: of a command line, that gives the share.

    Raises:
        UserError: where a class has too few images to stand on both sides.
    """

    def needed() -> int:
        return next(size for size in count(2) if 0 < round(share * size) < size)

    way_out = "" if flag is None else f", or give {flag} 0.5"
    sizes = [round(share * size) for size in _sizes(images)]
    return _split(images, sizes, f"{100 * share:g}% of them", needed=needed, way_out=way_out, generator=generator)


def split_count(
    images: Images, number: int, generator: torch.Generator, *, flag: str | None = None
) -> tuple[Images, Images]:
    """The rest, and `number` images at random, as many of every class (or one more), both in order.

    The original holds out 50,000 photos of ImageNet so.

    Args:
        images: of a known class each.
        number: how many are held out.
        generator: draws.
        flag: of a command line, that gives the number.

    Raises:
        UserError: where a class has too few images to stand on both sides, and where it would get none.
    """
    classes = len(images.classes)
    if number < classes:
        raise UserError(
            f"{number} images are too few to hold out at least one from each of {classes} classes: give "
            f"{flag or 'a number'} from {classes} on"
        )
    each, more = divmod(number, classes)
    most = classes * (min(_sizes(images)) - 1)
    way_out = "" if flag is None or most < classes else f", or give {flag} {most}"
    sizes = [each + (label < more) for label in range(classes)]
    what = f"{number} images of {classes} classes"
    return _split(images, sizes, what, needed=lambda: each + (more > 0) + 1, way_out=way_out, generator=generator)


def _sizes(images: Labelled) -> list[int]:
    return torch.bincount(images.labels, minlength=len(images.classes)).tolist()


def _split(
    images: Images,
    sizes: Sequence[int],
    what: str,
    *,
    needed: Callable[[], int],
    way_out: str,
    generator: torch.Generator,
) -> tuple[Images, Images]:
    held_out = []
    for label, (name, wanted) in enumerate(zip(images.classes, sizes, strict=True)):
        members = (images.labels == label).nonzero().squeeze(1)
        if not 0 < wanted < len(members):
            raise UserError(
                f"class {name!r} has {counted(len(members), 'image')}, but {needed()} are needed to hold out {what}: "
                f"add {needed() - len(members)}{way_out if len(members) > 1 else ''}"
            )
        held_out.append(members[torch.randperm(len(members), generator=generator)[:wanted]])
    mask = torch.zeros(len(images.labels), dtype=torch.bool)
    mask[torch.cat(held_out)] = True
    return images.subset((~mask).nonzero().squeeze(1)), images.subset(mask.nonzero().squeeze(1))
