"""Blocks that share a choice: all take their i-th candidate, whichever it is."""

from collections.abc import Sequence

Shared = Sequence[int] | None
"""The number of each searched block's choice, as `pnas_supernet.choice_numbers` gives it: (0, 1, 0) where the first
and the third share one. None where each has a choice of its own.
"""


def blocks_by_choice(shared: Shared, counts: Sequence[int]) -> list[list[int]]:
    """The blocks of each choice, in the order in which the choices first appear.

    Args:
        shared: see `Shared`.
        counts: how many candidates each block has.

    Raises:
        ValueError: for a wrong number of blocks, and for blocks that share a choice but have different numbers of
            candidates.
    """
    numbers = range(len(counts)) if shared is None else shared
    if len(numbers) != len(counts):
        raise ValueError(f"got the choices of {len(numbers)} blocks, and {len(counts)} are searched")
    groups: dict[int, list[int]] = {}
    for block, number in enumerate(numbers):
        group = groups.setdefault(number, [])
        group.append(block)
        if counts[block] != counts[group[0]]:
            raise ValueError(
                f"blocks {group[0]} and {block} cannot share a choice: they have {counts[group[0]]} and "
                f"{counts[block]} candidates"
            )
    return [*groups.values()]
