"""Cells, and stacks of them, as plain data: a small graph that a net repeats with more and more channels."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, field, frozen
from attrs.validators import deep_iterable, ge, in_, instance_of, min_len

from pnas_ops.data.ranges import POSITIVE_INTEGER

if TYPE_CHECKING:
    from pnas_ops.data.specs import CellOpSpec

CellKind = Literal["normal", "reduction"]
Join = Literal["sum", "concatenation"]

_STATE: Any = [instance_of(int), ge(0)]


@frozen(kw_only=True)
class CellEdge:
    """An operation on a state of a cell; the states are its inputs, then its nodes, counted from 0."""

    source: int = field(validator=_STATE)
    op: "CellOpSpec"

    def __str__(self) -> str:
        return f"{self.op}~{self.source}"


@frozen(kw_only=True)
class CellSpec:
    """A directed graph: each node is the sum of its edges, the output joins some of the nodes.

    Attributes:
        inputs: 1 for a cell that takes the output of the cell before it; 2 for one that also takes, as its state 0, the
            output of the cell before that.
        nodes: the edges of each node, in the order of their sources, which come before the node.
        outputs: the states that are joined, all of them nodes.
        join: how; with a single output both ways return it as it is.
    """

    inputs: int = field(validator=[instance_of(int), in_((1, 2))])
    nodes: tuple[tuple[CellEdge, ...], ...] = field(validator=[min_len(1), deep_iterable(min_len(1))])
    outputs: tuple[int, ...] = field(validator=[min_len(1), deep_iterable(_STATE)])
    join: Join = field(default="concatenation", validator=in_(("sum", "concatenation")))

    def __attrs_post_init__(self) -> None:
        for number, edges in enumerate(self.nodes):
            sources = [edge.source for edge in edges]
            if sources != sorted(sources) or sources[-1] >= self.inputs + number:
                raise ValueError(
                    f"node {number} of a cell takes the states {sources}: they are to be among the first "
                    f"{self.inputs + number}, in order"
                )
        nodes = range(self.inputs, self.inputs + len(self.nodes))
        if len({*self.outputs}) < len(self.outputs) or not {*self.outputs} <= {*nodes}:
            raise ValueError(f"a cell joins some of its nodes {[*nodes]}, each once, got {self.outputs}")

    @property
    def edges(self) -> tuple[CellEdge, ...]:
        """The edges of all nodes."""
        return tuple(chain.from_iterable(self.nodes))

    @property
    def widening(self) -> int:
        """The output's channels as a multiple of a node's."""
        return len(self.outputs) if self.join == "concatenation" else 1

    def with_operations(self, ops: Sequence["CellOpSpec"]) -> "CellSpec":
        """The same graph with these operations, one for each edge."""
        given = iter(ops)
        nodes = tuple(tuple(evolve(edge, op=next(given)) for edge in edges) for edges in self.nodes)
        return evolve(self, nodes=nodes)

    def __str__(self) -> str:
        return " | ".join(" ".join(map(str, edges)) for edges in self.nodes)


@frozen(kw_only=True)
class CellStackSpec:
    """Stages of equal normal cells; a reduction cell between two stages halves the image.

    A cell of two inputs takes the outputs of the two cells before it; the first takes the input of the stack twice.
    The nodes of a reduction cell have twice the channels of those before; its edges from inputs have stride 2.

    Attributes:
        channels: of a node in the first stage.
        cells: the number of normal cells in each stage.
        normal, reduction: the cells; a stack of one stage has no reduction cell.
        preprocessed: whether each input of a cell is brought to its nodes' channels by ReLU, convolution 1x1 and
            BatchNorm, or by a `FactorizedReduceSpec` where it is twice as large as the other. If not, the stack keeps
            its channels.
        halved_first: whether ReLU, a convolution 3x3 of stride 2 and BatchNorm come first, as in DARTS's nets for
            ImageNet; their input is then the earlier input of the first cell.
    """

    channels: int = field(validator=POSITIVE_INTEGER)
    cells: tuple[int, ...] = field(validator=[min_len(1), deep_iterable(POSITIVE_INTEGER)])
    normal: CellSpec
    reduction: CellSpec | None = None
    preprocessed: bool = field(default=True, validator=instance_of(bool))
    halved_first: bool = field(default=False, validator=instance_of(bool))

    def __attrs_post_init__(self) -> None:
        if (self.reduction is None) != (len(self.cells) == 1):
            raise ValueError(
                f"a stack of {len(self.cells)} stages {'lacks a' if self.reduction is None else 'has no place for a'} "
                "reduction cell"
            )
        if not self.preprocessed and (self.reduction or self.halved_first):
            raise ValueError("a stack of cells that changes size or channels needs preprocessed inputs")
        # The two cells before a third may give different widths, so their outputs need preprocessing. A single cell
        # without preprocessing may widen.
        if not self.preprocessed and self.cells[0] > 1 and self.normal.widening > 1:
            raise ValueError("a stack of several cells that concatenate needs preprocessed inputs")

    @property
    def kernel_size(self) -> int:
        """The largest kernel of the cells."""
        return max(edge.op.kernel_size for edge in self.all_edges)

    @property
    def stride(self) -> int:
        """The stride of the stack as a whole."""
        return 1 << (len(self.cells) - 1 + self.halved_first)

    @property
    def out_channels(self) -> int:
        """Output channels of the last cell."""
        return self.normal.widening * self.channels << (len(self.cells) - 1)

    @property
    def kinds(self) -> dict[CellKind, CellSpec]:
        """Its different cells by their kind."""
        found: dict[CellKind, CellSpec] = {"normal": self.normal}
        if self.reduction is not None:
            found["reduction"] = self.reduction
        return found

    def with_cells(self, cells: Mapping[CellKind, CellSpec]) -> "CellStackSpec":
        """The same stack with other cells."""
        return evolve(self, normal=cells["normal"], reduction=None if self.reduction is None else cells["reduction"])

    @property
    def all_edges(self) -> tuple[CellEdge, ...]:
        """The edges of its different cells."""
        return tuple(edge for cell in self.kinds.values() for edge in cell.edges)

    def __str__(self) -> str:
        count = sum(self.cells) + len(self.cells) - 1
        cells = " || ".join(map(str, self.kinds.values()))
        plain = "" if self.preprocessed else "-plain"
        halved = "-halved" if self.halved_first else ""
        return f"cells{self.channels}{plain}{halved}-{count}({cells})"


@frozen(kw_only=True)
class PlacedCell:
    """A cell at its place in a stack.

    Attributes:
        kind: which of the stack's cells it is.
        cell: this cell.
        channels: of its nodes.
        stride: of its edges from inputs.
        inputs: for each input before preprocessing, its channels, and the factor by which the height and width of the
            stack's input are divided there.
        divided: that factor for the preprocessed inputs.
    """

    kind: CellKind
    cell: CellSpec
    channels: int
    stride: int
    inputs: tuple[tuple[int, int], ...]
    divided: int

    def stride_of(self, edge: CellEdge) -> int:
        """The stride of an operation at an edge: that of the cell if the edge comes from an input, else 1."""
        return self.stride if edge.source < self.cell.inputs else 1


_BETWEEN: tuple[CellKind, ...] = ("reduction",)
"""Cells before a stage that is not the first."""


def placed_cells(stack: CellStackSpec, in_channels: int) -> Iterator[PlacedCell]:
    """The cells of a stack from first to last: the only place that walks along a stack."""
    channels, divided = stack.channels, 1 + stack.halved_first
    earlier, latest = (in_channels, 1), (in_channels, divided)
    kinds = stack.kinds
    for stage, count in enumerate(stack.cells):
        row: list[CellKind] = ["normal"] * count
        for kind in [*_BETWEEN[: bool(stage)], *row]:
            cell, stride = kinds[kind], 2 if kind == "reduction" else 1
            channels *= stride
            yield PlacedCell(
                kind=kind,
                cell=cell,
                channels=channels,
                stride=stride,
                inputs=(earlier, latest)[-cell.inputs :],
                divided=divided,
            )
            divided *= stride
            earlier, latest = latest, (channels * cell.widening, divided)
