"""Builds networks that hold all nets of a space: supernets, but for what chooses among the candidates."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from pnas_ops.data.base_space import Row
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cell_space import CellSpace
from pnas_ops.data.cells import CellStackSpec
from pnas_ops.data.network_space import NetworkSpace
from pnas_ops.data.space import SearchSpace
from pnas_ops.data.specs import MBConvSpec
from pnas_ops.data.tree_space import Space, TreeSpace
from pnas_ops.modules.build import build_block, build_block_op, initialize_weights
from pnas_ops.modules.build_cells import build_mixed_cell, build_stack
from pnas_ops.modules.elastic import ElasticMBConv, ElasticNetwork, ElasticStage, Mix, Option
from pnas_ops.modules.layers import Block, MBConv
from pnas_ops.modules.trees import TreeBlock


def build_space(space: Space, mix: Mix, *, generator: torch.Generator | None = None) -> nn.Module:
    """All nets of a space in one, as `build_network` builds each of them, with a mixture for every choice.

    Args:
        space: the search space.
        mix: called with the options of each choice, in the order of `space.options`: the candidates of a searched
            position, or modules that select a width, depth or resolution. Cells that share a choice have a mixture
            each, in the order of `space.mixtures`.
        generator: for the initial weights; PyTorch's global one if None.

    Raises:
        TypeError: for a space that is not a `Space`.
    """
    match space:
        case SearchSpace():
            body = [Block(mix(_candidates(row, generator)), residual=row[0].residual) for row in space.mixed]
        case TreeSpace():
            body = [_searched_trees(space, block, mix, generator) for block in space.blocks]
        case CellSpace():
            body = [_searched_cells(space, block, mix, generator) for block in space.body]
        case NetworkSpace():
            elastic = _elastic(space, mix, generator)
            initialize_weights(elastic, generator=generator)
            return elastic
        case _:
            raise TypeError(f"{space!r} is not a space that pnas_ops can build")
    stem = [build_block(block, generator=generator) for block in space.stem]
    network = nn.Sequential(*stem, *body, build_block(space.head, generator=generator))
    initialize_weights(network, generator=generator)
    return network


def _elastic(space: NetworkSpace, mix: Mix, generator: torch.Generator | None) -> ElasticNetwork:
    def choice(count: int) -> nn.Module:
        return mix([Option(number, count) for number in range(count)])

    resolution = choice(len(space.resolutions))
    stages = []
    in_channels = space.stem[-1].out_channels
    for stage in space.stages:
        width, depth = choice(len(stage.widths)), choice(len(stage.depths))
        widest = stage.widths[-1]
        rows = [[stage.first_block(op, in_channels, widest) for op in space.candidates]]
        rows += [[stage.other_block(op, widest) for op in space.candidates]] * (stage.deepest - 1)
        stages.append(
            ElasticStage(stage, width=width, depth=depth, blocks=[mix(_elastic_ops(row, generator)) for row in rows])
        )
        in_channels = widest
    stem = [build_block(block, generator=generator) for block in space.stem]
    head = build_block(space.head, generator=generator)
    return ElasticNetwork(space, resolution=resolution, stem=stem, stages=stages, head=head)


def _elastic_ops(row: Sequence[BlockSpec], generator: torch.Generator | None) -> list[nn.Module]:
    made: list[nn.Module] = []
    for block in row:
        op = build_block_op(block, generator)
        assert isinstance(block.op, MBConvSpec)
        assert isinstance(op, MBConv)
        made.append(ElasticMBConv(op, expansion=block.op.expansion))
    return made


def _searched_trees(space: TreeSpace, block: BlockSpec, mix: Mix, generator: torch.Generator | None) -> Block:
    row = space.edge_candidates(block)
    trees = TreeBlock(
        block.in_channels,
        block.out_channels,
        hidden_channels=row[0].in_channels,
        edges=[mix(_candidates(row, generator)) for _ in range(space.edges)],
        stride=block.stride,
    )
    return Block(trees, residual=block.residual)


def _searched_cells(space: CellSpace, block: BlockSpec, mix: Mix, generator: torch.Generator | None) -> Block:
    if not isinstance(block.op, CellStackSpec):
        return build_block(block, generator=generator)
    build = partial(build_block_op, generator=generator)
    stack = build_stack(
        block.op,
        block.in_channels,
        block=build,
        cell=lambda place: build_mixed_cell(place, space.kinds[place.kind], build, mix),
    )
    return Block(stack, residual=False)


def _candidates(row: Row, generator: torch.Generator | None) -> list[nn.Module]:
    return [build_block_op(block, generator) for block in row]
