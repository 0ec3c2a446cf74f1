"""Images that cannot be read: all are listed at once, and a share of them a run may leave out."""

from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path

from attrs import frozen
from torch import Tensor

from pnas_apps.ground.errors import UserError

_NAMED = 3


@frozen(kw_only=True)
class UnreadableImage:
    """A file, and what is wrong with it."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.reason}"


def shown(path: Path) -> str:
    """A path as it can be printed, whatever bytes its names have."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))


def share_flag(unreadable: int, images: int) -> str:
    """What a command line is given to let so many of the images be unreadable."""
    return f"--max-corrupt-share {ceil(1e4 * unreadable / images) / 1e4:g}"


def judge_unreadable(
    unreadable: Sequence[UnreadableImage], images: int, *, max_share: float, tell: Callable[[str], None]
) -> None:
    """Tells of each one, and goes on without them where they are few enough.

    Args:
        unreadable: the images that cannot be read.
        images: how many there are, readable or not.
        max_share: of them, that may be unreadable.
        tell: is given one line for each, and one for all.

    Raises:
        UserError: where they are too many, with the first of them and what allows them.
    """
    if not unreadable:
        return
    for one in unreadable:
        tell(f"  unreadable: {one}")
    counted = f"{len(unreadable)} of {images} images cannot be read"
    if len(unreadable) <= max_share * images:
        tell(f"{counted} and are skipped")
        return
    named = "; ".join(map(str, unreadable[:_NAMED]))
    others = "; all are listed above" if len(unreadable) > _NAMED else ""
    raise UserError(
        f"{counted} ({named}{others}): remove or replace them, or skip them with {share_flag(len(unreadable), images)}"
    )


def check_every_class(labels: Tensor, classes: Sequence[str]) -> None:
    """Raises a UserError for a class of which no image is left; `labels` are int64, (N,), indices into `classes`."""
    for name, count in zip(classes, labels.bincount(minlength=len(classes)).tolist(), strict=True):
        if not count:
            raise UserError(f"class {name!r} has no readable image: add some, or remove its folder")
