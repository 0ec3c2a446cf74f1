"""A stack of cells as parts whose costs add up to its own."""

from collections.abc import Iterator

from attrs import evolve, frozen

from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cell_operations import FactorizedReduceSpec, ReluConvSpec
from pnas_ops.data.cells import CellEdge, CellKind, CellSpec, CellStackSpec, PlacedCell, placed_cells
from pnas_ops.data.listings import counted
from pnas_ops.data.specs import CellOpSpec, IdentitySpec


@frozen(kw_only=True)
class CellPart:
    """What a stack computes at one place.

    Attributes:
        block: the part as a block of its own.
        divided: the factor by which the height and width of the stack's input are divided before it.
        edge: for an edge, the kind of its cell and its index there; None for what all cells of these shapes have.
    """

    block: BlockSpec
    divided: int
    edge: tuple[CellKind, int] | None = None


def cell_parts(stack: CellStackSpec, in_channels: int, *, taken: int | None = None) -> Iterator[CellPart]:
    """The parts cell by cell: the preprocessing of its inputs, the joins of its states, and its edges.

    The joins, sums and concatenation, are the same cell with an identity at every edge, whatever its operations are and
    whichever states its nodes take.

    Args:
        stack: of the cells.
        in_channels: of its input.
        taken: how many of its edges a node keeps, if it has more.
    """
    if stack.halved_first:
        yield CellPart(block=first_halving(in_channels), divided=1)
    for place in placed_cells(stack, in_channels):
        if stack.preprocessed:
            yield from _preprocessing(place)
        yield CellPart(block=_joins(place, taken), divided=place.divided * place.stride)
        yield from _edges(place)


def first_halving(channels: int) -> BlockSpec:
    """The block before the cells of a stack that is `halved_first`."""
    return BlockSpec(op=ReluConvSpec(kernel_size=3), in_channels=channels, out_channels=channels, stride=2)


def input_block(place: PlacedCell, number: int) -> BlockSpec:
    """The block that preprocesses an input of a cell."""
    channels, divided = place.inputs[number]
    stride = place.divided // divided
    op = ReluConvSpec(kernel_size=1) if stride == 1 else FactorizedReduceSpec()
    return BlockSpec(op=op, in_channels=channels, out_channels=place.channels, stride=stride)


def edge_block(op: CellOpSpec, *, channels: int, stride: int) -> BlockSpec:
    """An operation at an edge of a cell as a block; an identity that must halve the image is a factorized reduction.

    Raises:
        ValueError: where the operation cannot stand there.
    """
    placed = FactorizedReduceSpec() if isinstance(op, IdentitySpec) and stride > 1 else op
    return BlockSpec(op=placed, in_channels=channels, out_channels=channels, stride=stride)


def misfit_of_cells(
    op: CellStackSpec, in_channels: int, out_channels: int, *, stride: int, residual: bool
) -> str | None:
    """Why a stack of cells cannot be at this place of a net; None if it can."""
    if residual:
        return f"{op} has skip connections of its own"
    if (stride, out_channels) != (op.stride, op.out_channels):
        return f"{op} has stride {op.stride} and {op.out_channels} output channels, got s{stride} and {out_channels}"
    if not op.preprocessed and in_channels != op.channels:
        return f"{op} takes its inputs as they are, with {counted(op.channels, 'channel')}, got {in_channels}"
    try:
        for place in placed_cells(op, in_channels):
            list(_preprocessing(place) if op.preprocessed else ())
            list(_edges(place))
    except ValueError as error:
        return f"{error} in {op}"
    return None


def _preprocessing(place: PlacedCell) -> Iterator[CellPart]:
    for number, (_, divided) in enumerate(place.inputs):
        yield CellPart(block=input_block(place, number), divided=divided)


def _edges(place: PlacedCell) -> Iterator[CellPart]:
    for number, edge in enumerate(place.cell.edges):
        stride = place.stride_of(edge)
        yield CellPart(
            block=edge_block(edge.op, channels=place.channels, stride=stride),
            # A node's state is already as small as the output.
            divided=place.divided * place.stride // stride,
            edge=(place.kind, number),
        )


def _joins(place: PlacedCell, taken: int | None) -> BlockSpec:
    stack = CellStackSpec(channels=place.channels, cells=(1,), normal=_bare(place.cell, taken), preprocessed=False)
    return BlockSpec(op=stack, in_channels=place.channels, out_channels=stack.out_channels)


def _bare(cell: CellSpec, taken: int | None) -> CellSpec:
    """The cell with identities from the last states before each node, so that no two sums are equal."""
    nodes = []
    for number, edges in enumerate(cell.nodes):
        states, count = cell.inputs + number, min(len(edges), taken or len(edges))
        sources = sorted(max(0, states - 1 - back) for back in range(count))
        nodes.append(tuple(CellEdge(source=source, op=IdentitySpec()) for source in sources))
    return evolve(cell, nodes=tuple(nodes))
