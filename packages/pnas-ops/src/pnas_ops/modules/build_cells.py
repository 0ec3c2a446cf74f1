"""From a stack of cells to its module."""

from collections.abc import Callable
from itertools import chain

from torch import nn

from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cell_choices import CellChoices, Sets
from pnas_ops.data.cell_parts import edge_block, first_halving, input_block
from pnas_ops.data.cells import CellStackSpec, PlacedCell, placed_cells
from pnas_ops.modules.cells import Cell, CellStack, Sum
from pnas_ops.modules.elastic import Mix

BuildBlock = Callable[[BlockSpec], nn.Module]
"""Makes the module of an operation at its place."""


def build_stack(
    stack: CellStackSpec, in_channels: int, *, block: BuildBlock, cell: Callable[[PlacedCell], Cell]
) -> CellStack:
    """The module of a stack, with what `block` and `cell` make of its parts."""
    cells = []
    for place in placed_cells(stack, in_channels):
        inputs = range(place.cell.inputs)
        prepared = [block(input_block(place, number)) if stack.preprocessed else nn.Identity() for number in inputs]
        cells.append((prepared, cell(place)))
    return CellStack(cells, block(first_halving(in_channels)) if stack.halved_first else nn.Identity())


def build_cell(place: PlacedCell, block: BuildBlock) -> Cell:
    """A cell with its operations."""
    edges = place.cell.edges
    return Cell(
        place.cell,
        [block(edge_block(edge.op, channels=place.channels, stride=place.stride_of(edge))) for edge in edges],
    )


def build_mixed_cell(place: PlacedCell, choices: CellChoices, block: BuildBlock, mix: Mix) -> Cell:
    """All cells with these choices in one: a mixture at every edge, then one at every node with a choice of edges."""
    edges = []
    for edge in choices.cell.edges:
        stride = place.stride_of(edge)
        edges.append(mix([block(edge_block(op, channels=place.channels, stride=stride)) for op in choices.candidates]))
    return Cell(choices.cell, edges, [_mixed_node(sets, mix) for sets in choices.sets])


def _mixed_node(sets: Sets, mix: Mix) -> nn.Module:
    first = min(chain.from_iterable(sets))
    sums: list[nn.Module] = [Sum(number - first for number in numbers) for numbers in sets]
    return mix(sums) if len(sums) > 1 else sums[0]
