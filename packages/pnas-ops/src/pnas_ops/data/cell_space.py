"""The space of cells: a search finds the operations and inputs of a small graph that a net repeats."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, get_args

import torch
from attrs import evolve, field, frozen
from attrs.validators import min_len, optional
from torch import Tensor

from pnas_ops.data.architecture import Architecture, check_chain
from pnas_ops.data.base_space import OneResolutionSpace, Row, check_candidates
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cell_choices import CellChoices
from pnas_ops.data.cell_forms import CellForms
from pnas_ops.data.cell_parts import cell_parts, edge_block
from pnas_ops.data.cells import CellKind, CellSpec, CellStackSpec, placed_cells
from pnas_ops.data.choice_space import check_choices, foreign_net
from pnas_ops.data.cost_terms import Condition, CostTerm
from pnas_ops.data.listings import counted, images_to_classes
from pnas_ops.data.ranges import POSITIVE_INTEGER
from pnas_ops.data.specs import CellOpSpec

if TYPE_CHECKING:
    from pnas_ops.data.workload import Workload

Edge = tuple[CellKind, int]
"""A kind of cell, and the index of an edge in it."""


@frozen(kw_only=True, repr=False)
class CellSpace(OneResolutionSpace):
    """All nets of `stem`, then `body` with one of `candidates` at every edge of its cells, then `head`.

    All normal cells of a net are equal, and so are all reduction cells: an edge is one choice, however many cells have
    it. A position is a cell's preprocessing, its joins, or one of its edges.

    Attributes:
        body: blocks, at least one a `CellStackSpec` whose cells have all possible edges, with any operations.
        candidates: for every edge.
        taken: how many of its edges a node keeps; all if None. Which ones is a choice too if it has more.
    """

    body: tuple[BlockSpec, ...] = field(validator=min_len(1))
    candidates: tuple[CellOpSpec, ...] = field(validator=min_len(1))
    taken: int | None = field(default=None, validator=optional(POSITIVE_INTEGER))

    def __attrs_post_init__(self) -> None:
        check_candidates(self.name, self.candidates, in_cells=True)
        for op in self.candidates:
            if not isinstance(op, get_args(CellOpSpec)):
                raise ValueError(f"space {self.name!r}: {op} cannot stand at an edge of a cell")
        check_chain([*self.stem, *self.body, self.head])
        if not self.kinds:
            raise ValueError(f"space {self.name!r} has no cells in its body")
        for choices in self.kinds.values():
            if any(len({edge.source for edge in edges}) < len(edges) for edges in choices.cell.nodes):
                raise ValueError(f"space {self.name!r} has a node with two edges from the same state")
        assert self.positions  # refuses what cannot stand there

    @cached_property
    def kinds(self) -> dict[CellKind, CellChoices]:
        """The choices in each kind of cell, normal cells first."""
        found: dict[CellKind, CellSpec] = {}
        for block in self.body:
            for kind, cell in block.op.kinds.items() if isinstance(block.op, CellStackSpec) else ():
                alike = cell.with_operations([self.candidates[0]] * len(cell.edges))
                if found.setdefault(kind, alike) != alike:
                    raise ValueError(f"space {self.name!r} has {kind} cells of several graphs")
        return {
            kind: CellChoices(cell=cell, candidates=self.candidates, taken=self.taken) for kind, cell in found.items()
        }

    @cached_property
    def options(self) -> tuple[int, ...]:
        """For each kind of cell: the number of operations of each edge, then of ways to choose each node's edges."""
        return tuple(chain.from_iterable(choices.options for choices in self.kinds.values()))

    @property
    def option_names(self) -> tuple[tuple[str, ...], ...]:
        """The operations of an edge; the states that a node takes, such as "0+2"."""
        names = tuple(map(str, self.candidates))
        found: list[tuple[str, ...]] = []
        for choices in self.kinds.values():
            edges = choices.cell.edges
            found += [names] * len(edges)
            found += [
                tuple("+".join(f"{edges[number].source}" for number in numbers) for numbers in sets)
                for sets in choices.sets
                if len(sets) > 1
            ]
        return tuple(found)

    @cached_property
    def mixtures(self) -> tuple[int, ...]:
        """The choice of every mixture: those of a cell's edges, then of its nodes, cell by cell."""
        return tuple(
            number
            for block in self.body
            if isinstance(block.op, CellStackSpec)
            for place in placed_cells(block.op, block.in_channels)
            for number in self._numbers(place.kind)
        )

    @cached_property
    def positions(self) -> tuple[Row, ...]:
        """Stem, each block of the body or its `cell_parts` with the candidates of their edges, head."""
        return tuple(row for row, _ in self._places)

    @property
    def of_whole_blocks(self) -> bool:
        """False: cells are searched edge by edge."""
        return False

    @property
    def widest(self) -> Architecture:
        """The cells with all possible edges and the first candidate at each; this is no net of the space."""
        return self.with_cells({kind: choices.cell for kind, choices in self.kinds.items()}, name=self.name)

    def with_cells(self, cells: Mapping[CellKind, CellSpec], *, name: str = "") -> Architecture:
        """The net of these cells, which may have any graph and operations.

        Raises:
            ValueError: for cells that cannot stand there.
        """
        blocks = (
            evolve(block, op=block.op.with_cells(cells)) if isinstance(block.op, CellStackSpec) else block
            for block in self.body
        )
        return Architecture(name=name or self.name, resolution=self.resolution, blocks=(*self.stem, *blocks, self.head))

    def architecture(self, choices: Sequence[int], *, name: str = "") -> Architecture:
        """The net with option `choices[i]` at choice i.

        Raises:
            ValueError: for a wrong number of choices, or an option that does not exist.
        """
        check_choices(self.name, choices, self.options)
        cells = {kind: one.cell_of([choices[n] for n in self._numbers(kind)]) for kind, one in self.kinds.items()}
        return self.with_cells(cells, name=name)

    def choices(self, architecture: object) -> tuple[int, ...]:
        """The inverse of `architecture`, with the first option at edges that no node keeps.

        Raises:
            ValueError: for anything but a net of this space.
        """
        if not isinstance(architecture, Architecture):
            raise foreign_net(architecture, self.name)
        cells: dict[CellKind, CellSpec] = {}
        for block in architecture.blocks:
            cells |= block.op.kinds if isinstance(block.op, CellStackSpec) else {}
        try:
            choices = tuple(chain.from_iterable(one.choices_of(cells[kind]) for kind, one in self.kinds.items()))
            same = self.architecture(choices, name=architecture.name) == architecture
        except (KeyError, ValueError):
            same = False
        if not same:
            raise foreign_net(architecture, self.name)
        return choices

    def conditions(self) -> tuple[Condition | None, ...]:
        """When each choice matters: the operation of an edge only if its node keeps it."""
        found: list[Condition | None] = []
        for kind, one in self.kinds.items():
            found += [
                None if node is None else Condition(choice=node, options=frozenset(keeping))
                for node, keeping in self._keeping(kind)
            ]
            found += [None] * (len(one.options) - len(one.cell.edges))
        return tuple(found)

    def cost_terms(self) -> tuple[CostTerm, ...]:
        """What all nets compute, then a term for each edge, which costs something if its node keeps it."""
        return self._cost_terms

    @cached_property
    def _cost_terms(self) -> tuple[CostTerm, ...]:
        from pnas_ops.data.workload import workloads  # late: it knows all spaces

        rows: dict[Edge | None, list[tuple[Workload, ...]]] = {}
        for row, (_, place) in zip(workloads(self), self._places, strict=True):
            rows.setdefault(place, []).append(row)
        terms = [CostTerm(choices=(), options=(), computed=(tuple(row[0] for row in rows[None]),))]
        for kind in self.kinds:
            numbers = self._numbers(kind)
            for edge, (node, keeping) in enumerate(self._keeping(kind)):
                computed = tuple(zip(*rows[kind, edge], strict=True))
                choices: tuple[int, ...] = (numbers[edge],)
                options: tuple[int, ...] = (len(computed),)
                if node is not None:
                    choices, options = (node, *choices), (self.options[node], *options)
                    kept = (computed if option in keeping else ((),) * len(computed) for option in range(options[0]))
                    computed = tuple(chain.from_iterable(kept))
                terms.append(CostTerm(choices=choices, options=options, computed=computed))
        return tuple(terms)

    def _keeping(self, kind: CellKind) -> Iterator[tuple[int | None, tuple[int, ...]]]:
        """For every edge of a kind of cell: its node's choice, if it has one, and the options that keep the edge."""
        one, numbers = self.kinds[kind], self._numbers(kind)
        chosen = iter(numbers[len(one.cell.edges) :])
        for sets in one.sets:
            node = next(chosen) if len(sets) > 1 else None
            for edge in sorted({*chain.from_iterable(sets)}):
                yield node, tuple(option for option, kept in enumerate(sets) if edge in kept)

    @cached_property
    def forms(self) -> CellForms:
        """The nets of the space by their forms: each net once."""
        return CellForms(self)

    def size(self) -> int:
        """The exact number of different nets; choices at edges that no node keeps make no difference."""
        return self.forms.size()

    def sample_choices(self, generator: torch.Generator) -> tuple[int, ...]:
        """The choices of a random net; all nets are equally probable."""
        return self.forms.chosen(self.forms.sample_choices(generator))

    def mutate(self, net: object, generator: torch.Generator, *, probability: float = 0.1) -> Architecture:
        """As in any space; operations keep their order where their node takes another input."""
        return self.forms.mutate(net, generator, probability=probability)

    def crossover(self, one: object, other: object, generator: torch.Generator) -> Architecture:
        """As in any space; the operations of a node are mixed in order, whichever states it takes."""
        return self.forms.crossover(one, other, generator)

    def neighbours(self, net: object) -> tuple[Architecture, ...]:
        """All nets that differ from one in a single operation, or in what a single node takes."""
        return self.forms.neighbours(net)

    def encode(self, net: object) -> Tensor:
        """As in any space, with zeros for edges that no node keeps: of shape (sum of `options`,)."""
        chosen, kept = self.choices(net), set[int]()
        for kind, one in self.kinds.items():
            numbers = self._numbers(kind)
            kept |= {*numbers[len(one.cell.edges) :]}
            kept |= {numbers[edge] for edge in one.kept([chosen[number] for number in numbers])}
        return torch.tensor(
            [
                float(option == choice and number in kept)
                for number, (choice, count) in enumerate(zip(chosen, self.options, strict=True))
                for option in range(count)
            ]
        )

    @cached_property
    def _places(self) -> tuple[tuple[Row, Edge | None], ...]:
        """The positions, each with its edge if it is one."""
        found: list[tuple[Row, Edge | None]] = []
        for block in (*self.stem, *self.body, self.head):
            if not isinstance(block.op, CellStackSpec):
                found.append(((block,), None))
                continue
            for part in cell_parts(block.op, block.in_channels, taken=self.taken):
                channels, stride = part.block.in_channels, part.block.stride
                edges = (edge_block(op, channels=channels, stride=stride) for op in self.candidates)
                found.append((tuple(edges) if part.edge else (part.block,), part.edge))
        return tuple(found)

    def _numbers(self, kind: CellKind) -> range:
        """The choices of a kind of cell."""
        counts = {each: len(one.options) for each, one in self.kinds.items()}
        first = 0 if kind == "normal" else counts["normal"]
        return range(first, first + counts[kind])

    def _shown(self) -> Sequence[tuple[str, BlockSpec]]:
        kept = "" if self.taken is None else f", {self.taken} of them into a node"
        names = " ".join(map(str, self.candidates))
        return [
            (
                f"{counted(sum(block.op.cells) + len(block.op.cells) - 1, 'cell')}, one of {names} at each edge{kept}"
                if isinstance(block.op, CellStackSpec)
                else str(block.op),
                block,
            )
            for block in (*self.stem, *self.body, self.head)
        ]

    def _outline(self) -> str:
        images = images_to_classes(self.resolution, self.in_channels, self.classes)
        return f"{counted(len(self.options), 'choice')}, {self._size_text()}, {images}"
