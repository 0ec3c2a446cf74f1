"""A block of trees or cells as parts whose costs add up to its own."""

from attrs import evolve

from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cell_parts import cell_parts
from pnas_ops.data.cells import CellStackSpec
from pnas_ops.data.specs import IdentitySpec, TreeBlockSpec


def block_parts(block: BlockSpec) -> tuple[BlockSpec, ...]:
    """A block of trees without its operations, then the operation of every edge; any other block as it is.

    The first part is the same block with an identity, which costs nothing, at every edge: its convolutions, sums and
    shortcut are what all cells of these shapes have in common. A stack of cells becomes its `cell_parts`.
    """
    return tuple(part for part, _ in placed_parts(block))


def placed_parts(block: BlockSpec) -> tuple[tuple[BlockSpec, int], ...]:
    """The same parts, each with the factor by which the height and width of the block's input are divided before it."""
    match block.op:
        case TreeBlockSpec():
            hidden = block.op.hidden_channels
            edges = (BlockSpec(op=edge, in_channels=hidden, out_channels=hidden) for edge in block.op.edges)
            return ((_without_operations(block), 1), *((edge, block.stride) for edge in edges))
        case CellStackSpec():
            return tuple((part.block, part.divided) for part in cell_parts(block.op, block.in_channels))
    return ((block, 1),)


def _without_operations(block: BlockSpec) -> BlockSpec:
    """A block of trees with an identity at every edge."""
    assert isinstance(block.op, TreeBlockSpec)
    return evolve(block, op=evolve(block.op, edges=(IdentitySpec(),) * len(block.op.edges)))
