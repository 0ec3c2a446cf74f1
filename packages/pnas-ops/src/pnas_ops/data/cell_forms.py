"""Nets of cells identified by what they compute, not by the options of edges that no node keeps."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from attrs import frozen

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.cell_choices import CellChoices
from pnas_ops.data.choice_space import ChoiceSpace

if TYPE_CHECKING:
    from pnas_ops.data.cell_space import CellSpace


@frozen
class CellForms(ChoiceSpace[Architecture]):
    """The nets of a space of cells by the forms of the cells, see `CellChoices`: every net once."""

    space: "CellSpace"

    @cached_property
    def options(self) -> tuple[int, ...]:
        """For each kind of cell: the number of ways to choose each node's edges, then each kept edge's operation."""
        return tuple(chain.from_iterable(one.form_options for one in self.space.kinds.values()))

    def architecture(self, choices: Sequence[int], *, name: str = "") -> Architecture:
        """The net of these forms."""
        return self.space.architecture(self.chosen(choices), name=name)

    def choices(self, architecture: object) -> tuple[int, ...]:
        """The forms of a net; a ValueError for one of another space."""
        chosen = self.space.choices(architecture)
        parts = _parts(chosen, [(one, len(one.options)) for one in self.space.kinds.values()])
        return tuple(chain.from_iterable(one.form(part) for one, part in parts))

    def chosen(self, forms: Sequence[int]) -> tuple[int, ...]:
        """The choices of the space that give these forms."""
        parts = _parts(forms, [(one, len(one.form_options)) for one in self.space.kinds.values()])
        return tuple(chain.from_iterable(one.of_form(part) for one, part in parts))


def _parts(
    numbers: Sequence[int], kinds: Sequence[tuple[CellChoices, int]]
) -> Iterator[tuple[CellChoices, Sequence[int]]]:
    """Each kind of cell with its own part of the numbers."""
    first = 0
    for one, count in kinds:
        yield one, numbers[first : first + count]
        first += count
