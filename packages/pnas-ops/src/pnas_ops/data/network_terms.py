"""What the nets of a `NetworkSpace` compute, block by block: a chain of widths, all of one resolution."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from attrs import evolve

from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cost_terms import CostTerm
from pnas_ops.data.network_space import NetworkSpace
from pnas_ops.data.network_stage import NetworkStage
from pnas_ops.data.workload import Workload


def network_terms(space: NetworkSpace) -> tuple[CostTerm, ...]:
    """A term for each block of the deepest net.

    The first of a stage depends on the width before it, the others on the depth.
    """
    return tuple(_terms(space))


def _terms(space: NetworkSpace) -> Iterator[CostTerm]:
    sizes = [*space.resolutions]
    for block in space.stem:
        yield _term(space, sizes, [], lambda block=block: block)
        sizes = [block.output_size(size) for size in sizes]
    width = 1
    before: list[int] = []
    widths_before: tuple[int, ...] = (space.stem[-1].out_channels,)
    for stage in space.stages:
        depth, first = width + 1, width + 2
        yield _term(space, sizes, [*before, width, first], _first_block(space, stage, widths_before))
        sizes = [-(-size // stage.stride) for size in sizes]
        for number in range(1, stage.deepest):
            yield _term(space, sizes, [width, depth, first + number], _other_block(space, stage, number))
        before, widths_before = [width], stage.widths
        width = first + stage.deepest
    heads = [evolve(space.head, in_channels=channels) for channels in widths_before]
    yield _term(space, sizes, before, lambda width: heads[width])


def _term(
    space: NetworkSpace, sizes: Sequence[int], numbers: Sequence[int], block_of: Callable[..., BlockSpec | None]
) -> CostTerm:
    """The term that the resolution and the choices with these indices decide.

    Args:
        space: of the choices.
        sizes: of the image at this block, by resolution.
        numbers: the indices of the choices.
        block_of: makes a block from their options; None where there is no such block.
    """
    counts = [space.options[number] for number in numbers]
    blocks = [block_of(*options) for options in product(*map(range, counts))]
    return CostTerm(
        choices=(0, *numbers),
        options=(len(sizes), *counts),
        computed=tuple(
            () if block is None else (Workload(block=block, height=size, width=size),)
            for size in sizes
            for block in blocks
        ),
    )


def _first_block(space: NetworkSpace, stage: NetworkStage, widths_before: tuple[int, ...]) -> Callable[..., BlockSpec]:
    def block_of(*options: int) -> BlockSpec:
        *before, width, op = options
        return stage.first_block(space.candidates[op], widths_before[before[0] if before else 0], stage.widths[width])

    return block_of


def _other_block(space: NetworkSpace, stage: NetworkStage, number: int) -> Callable[..., BlockSpec | None]:
    def block_of(width: int, depth: int, op: int) -> BlockSpec | None:
        there = number < stage.depths[depth]
        return stage.other_block(space.candidates[op], stage.widths[width]) if there else None

    return block_of
