"""Which images are held out: some of every class, at random."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pnas_apps.ground.errors import UserError


def split_share(
    labels: Tensor, classes: Sequence[str], share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The indices of the rest, and of `share` of every class at random, both in order.

    Args:
        labels: (N,), indices into `classes`.
        classes: names.
        share: between 0 and 1.
        generator: draws.

    Raises:
        UserError: where a class has too few images to stand on both sides.
    """
    return _split(labels, classes, lambda label, size: round(share * size), f"{share:.0%} of them", generator)


def split_count(
    labels: Tensor, classes: Sequence[str], count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The indices of the rest, and of `count` images at random, as many of every class (or one more), both in order.

    Args:
        labels: (N,), indices into `classes`.
        classes: names.
        count: how many are held out.
        generator: draws.

    Raises:
        UserError: where a class has too few images to stand on both sides, and where it would get none.
    """
    each, more = divmod(count, len(classes))
    what = f"{count} images of {len(classes)} classes"
    return _split(labels, classes, lambda label, size: each + (label < more), what, generator)


def _split(
    labels: Tensor,
    classes: Sequence[str],
    count: Callable[[int, int], int],
    what: str,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    held_out = []
    for label, name in enumerate(classes):
        members = (labels == label).nonzero().squeeze(1)
        wanted = count(label, len(members))
        if not 0 < wanted < len(members):
            raise UserError(f"class {name!r} has {len(members)} images: too few to hold out {what}")
        held_out.append(members[torch.randperm(len(members), generator=generator)[:wanted]])
    mask = torch.zeros(len(labels), dtype=torch.bool)
    mask[torch.cat(held_out)] = True
    return (~mask).nonzero().squeeze(1), mask.nonzero().squeeze(1)
