"""Batches that are iterated repeatedly, as in a search."""

from collections.abc import Iterator
from typing import Any

from pnas_ops import Batches, PnasError


class BatchesError(PnasError, ValueError):
    """No batches, or batches that are used up after one pass."""


def check_batches(batches: Batches, what: str) -> None:
    """Refuses batches that cannot be iterated twice, as far as that shows without iterating.

    Args:
        batches: see `Batches`.
        what: their name in messages.

    Raises:
        BatchesError: for a generator or another iterator, for what has no length, and for no batch.
    """
    try:
        count = len(batches)
    except TypeError:
        count = None
    if count is None or isinstance(batches, Iterator):
        how = "has no length" if count is None else "is used up after one pass"
        raise BatchesError(
            f"the {what} are a {type(batches).__name__}, which {how}", "pass a list of batches, or a data loader"
        )
    if not count:
        raise BatchesError(f"there are no {what}", "give more images, or smaller batches")


def one_pass(batches: Batches, what: str) -> Iterator[tuple[Any, Any]]:
    """The batches, once.

    Raises:
        BatchesError: if there was none: an earlier pass has used them up, whatever their length says.
    """
    came = False
    for batch in batches:
        came = True
        yield batch
    if not came:
        raise BatchesError(
            f"the {what} gave nothing in this pass: an earlier one has used them up",
            "pass what begins anew each time, such as a list of batches or a data loader",
        )
