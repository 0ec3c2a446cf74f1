"""What a search has to choose from, by name."""

from collections.abc import Sequence

from pnas_apps.showing.run_tables import operation_lines
from pnas_ops import AnySpace, SearchSpace


def place_numbers(space: AnySpace, count: int) -> list[int]:
    """For each mixture the number of its block, from 0 as in the table of a net; its own number where it is no block.

    Args:
        space: the space that is searched.
        count: of the mixtures.
    """
    return list(space.searched) if isinstance(space, SearchSpace) and of_blocks(space, count) else list(range(count))


def of_blocks(space: AnySpace, count: int) -> bool:
    """Whether so many mixtures are blocks of the nets, one each."""
    return isinstance(space, SearchSpace) and len(space.searched) == count


def option_names(space: AnySpace, counts: Sequence[int]) -> list[list[str]]:
    """The operations of every mixture; their numbers in a space of which a choice is no block.

    Args:
        space: the space that is searched.
        counts: how many candidates each mixture has.
    """
    places = space.mixed if isinstance(space, SearchSpace) else ()
    names = [[operation_lines(block.op) for block in row] for row in places]
    if [len(row) for row in names] == list(counts):
        return names
    return [[f"{number}" for number in range(count)] for count in counts]
