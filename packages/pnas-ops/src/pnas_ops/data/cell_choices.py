"""The choices in a cell, and the cells that they make."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain, combinations

from attrs import evolve, frozen

from pnas_ops.data.cells import CellEdge, CellSpec
from pnas_ops.data.specs import CellOpSpec

Sets = tuple[tuple[int, ...], ...]
"""The sets of edges that a node may keep, by their indices in the cell."""


@frozen(kw_only=True)
class CellChoices:
    """The choices of a kind of cell: an operation for each edge, then the kept edges of each node that keeps only some.

    An operation is chosen for every edge, whether its node keeps it or not, since a search learns it either way. So
    several choices may give the same cell. They have the same `form`: for each node the edges that it keeps, then an
    operation for each of these.

    Attributes:
        cell: with all possible edges.
        candidates: for each edge.
        taken: how many of its edges a node keeps, if it has more; all if None.
    """

    cell: CellSpec
    candidates: tuple[CellOpSpec, ...]
    taken: int | None

    @cached_property
    def sets(self) -> tuple[Sets, ...]:
        """For each node, the sets of edges that it may keep."""
        found, first = [], 0
        for edges in self.cell.nodes:
            numbers = range(first, first + len(edges))
            found.append(tuple(combinations(numbers, min(len(edges), self.taken or len(edges)))))
            first += len(edges)
        return tuple(found)

    @cached_property
    def options(self) -> tuple[int, ...]:
        """How many options each choice has."""
        return (*[len(self.candidates)] * len(self.cell.edges), *self._counts)

    @cached_property
    def form_options(self) -> tuple[int, ...]:
        """How many options each choice of a form has."""
        kept = sum(len(sets[0]) for sets in self.sets)
        return (*self._counts, *[len(self.candidates)] * kept)

    def kept(self, choices: Sequence[int]) -> tuple[int, ...]:
        """The edges that the nodes of the cell with these choices keep."""
        return tuple(chain.from_iterable(self._kept_of_nodes(choices[len(self.cell.edges) :])))

    def form(self, choices: Sequence[int]) -> tuple[int, ...]:
        """The form of the cell with these choices."""
        return (*choices[len(self.cell.edges) :], *(choices[number] for number in self.kept(choices)))

    def of_form(self, form: Sequence[int]) -> tuple[int, ...]:
        """The choices of a cell by its form, with the first operation at edges that no node keeps."""
        inputs = form[: len(self._counts)]
        kept = chain.from_iterable(self._kept_of_nodes(inputs))
        ops = dict(zip(kept, form[len(inputs) :], strict=True))
        return (*(ops.get(number, 0) for number in range(len(self.cell.edges))), *inputs)

    def cell_of(self, choices: Sequence[int]) -> CellSpec:
        """The cell with these choices."""
        edges, kept = self.cell.edges, self._kept_of_nodes(choices[len(self.cell.edges) :])
        nodes = (
            tuple(CellEdge(source=edges[n].source, op=self.candidates[choices[n]]) for n in numbers) for numbers in kept
        )
        return evolve(self.cell, nodes=tuple(nodes))

    def choices_of(self, cell: CellSpec) -> tuple[int, ...]:
        """The inverse of `cell_of`, with the first operation at edges that no node keeps.

        Raises:
            ValueError: for anything but a cell with these choices.
        """
        inputs, ops = [], []
        for sets, edges in zip(self.sets, cell.nodes, strict=True):
            sources = [tuple(self.cell.edges[number].source for number in numbers) for numbers in sets]
            inputs += [sources.index(tuple(edge.source for edge in edges))][: len(sets) - 1]
            ops += [self.candidates.index(edge.op) for edge in edges]
        choices = self.of_form((*inputs, *ops))
        if self.cell_of(choices) != cell:
            raise ValueError(f"cell {cell} joins other states")
        return choices

    @cached_property
    def _counts(self) -> tuple[int, ...]:
        """For each node with a choice of edges, the number of ways to choose them."""
        return tuple(len(sets) for sets in self.sets if len(sets) > 1)

    def _kept_of_nodes(self, inputs: Sequence[int]) -> Iterator[tuple[int, ...]]:
        chosen = iter(inputs)
        return (sets[next(chosen) if len(sets) > 1 else 0] for sets in self.sets)
