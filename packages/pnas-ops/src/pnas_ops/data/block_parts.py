"""A block of trees in parts, whose costs add up to its own."""

from attrs import evolve

from pnas_ops.data.specs import BlockSpec, IdentitySpec, TreeBlockSpec


def block_parts(block: BlockSpec) -> tuple[BlockSpec, ...]:
    """A block of trees without its operations, then the operation of every edge; any other block as it is.

    The first part is the same block with an identity at every edge, which costs nothing: its convolutions, its sums and
    its shortcut are what all cells of these shapes have in common.
    """
    if not isinstance(block.op, TreeBlockSpec):
        return (block,)
    hidden = block.op.hidden_channels
    edges = (BlockSpec(op=edge, in_channels=hidden, out_channels=hidden) for edge in block.op.edges)
    return (_without_operations(block), *edges)


def _without_operations(block: BlockSpec) -> BlockSpec:
    """A block of trees with an identity at every edge; any other block as it is."""
    if not isinstance(block.op, TreeBlockSpec):
        return block
    return evolve(block, op=evolve(block.op, edges=(IdentitySpec(),) * len(block.op.edges)))
