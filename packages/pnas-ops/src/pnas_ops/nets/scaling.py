"""Nets scaled in depth, width and resolution.

References:
    EfficientNet, arXiv 1905.11946, section 3.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, lcm

from attrs import evolve

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.misfits import channel_unit, has_own_shortcut, resizes
from pnas_ops.data.spaces import scale_width
from pnas_ops.data.specs import ClassifierSpec, OpSpec, PoolSpec, TreeBlockSpec
from pnas_ops.nets.chain import sized
from pnas_ops.nets.errors import ArchitectureError, check_multiple


def scaled(
    architecture: Architecture, *, depth: float = 1.0, width: float = 1.0, resolution: float = 1.0
) -> Architecture:
    """The same net, deeper, wider and for larger images, or the opposite.

    A stage is a run of blocks of one size and width. It gets `depth` times its blocks, rounded up, by repeating its
    last block; one that changes the shape is repeated as a block that keeps it, if blocks of its kind do so elsewhere
    in the net. The first block, the last one, and pools that shrink the image are not repeated. Blocks that compute
    nothing are removed.

    Args:
        architecture: any.
        depth: multiple of the blocks of each stage.
        width: multiple of all channels but the image's and the classes', to the nearest multiple of 8, never below 90%
            of it (MobileNetV2's rule); to multiples of more than 8 if groups or reductions need it.
        resolution: multiple of the image's side, to the nearest pixel.

    Raises:
        ArchitectureError: for a multiple that is not positive; for a depth of a net in which no block keeps its shape;
            for channels that an operation cannot have; for images that become too small.
    """
    for what, value in {"depth": depth, "width": width, "resolution": resolution}.items():
        check_multiple(what, value)
    blocks = architecture.blocks if depth == 1 else _deeper(architecture, depth)
    if width != 1:
        try:
            blocks = _wider(blocks, width)
        except ValueError as error:
            raise ArchitectureError(f"{architecture.name} cannot have {width:g} times its width: {error}") from None
    size = round(architecture.resolution * resolution)
    return sized(f"{architecture.name} d{depth:g} w{width:g} r{size}", blocks, size)


def _deeper(architecture: Architecture, depth: float) -> tuple[BlockSpec, ...]:
    stages = _stages([block for block in architecture.blocks if not block.computes_nothing])
    kinds = {type(block.op) for stage in stages for block in stage if block.keeps_shape and not _stands_alone(block)}
    if not kinds:
        raise ArchitectureError(
            f"{architecture.name} cannot be deeper or shallower, none of its blocks keeps its shape",
            "leave its depth as it is",
        )
    adds_inputs = any(block.residual for block in architecture.blocks)
    blocks: list[BlockSpec] = []
    for number, stage in enumerate(stages):
        last = stage[-1]
        if number == 0 or _stands_alone(last) or type(last.op) not in kinds:
            blocks += stage
            continue
        # 25 * 1.12 is a little more than 28.
        more = max(1, ceil(len(stage) * depth - 1e-9)) - len(stage)
        blocks += (
            [*stage, *[_repeated(last, adds_inputs=adds_inputs)] * more] if more > 0 else stage[: len(stage) + more]
        )
    return tuple(blocks)


def _stages(blocks: Sequence[BlockSpec]) -> list[list[BlockSpec]]:
    """Runs of blocks of one size and width; the first run is only the first block."""
    stages = [[blocks[0]]]
    for before, block in pairwise(blocks):
        if len(stages) > 1 and block.keeps_shape and not _stands_alone(before):
            stages[-1].append(block)
        else:
            stages.append([block])
    return stages


def _stands_alone(block: BlockSpec) -> bool:
    return resizes(block.op) or (isinstance(block.op, PoolSpec) and block.stride > 1)


def _repeated(block: BlockSpec, *, adds_inputs: bool) -> BlockSpec:
    """The block that can follow this one any number of times."""
    if block.keeps_shape:
        return block
    residual = adds_inputs and not has_own_shortcut(block.op)
    return BlockSpec(op=block.op, in_channels=block.out_channels, out_channels=block.out_channels, residual=residual)


def _wider(blocks: Sequence[BlockSpec], width: float) -> tuple[BlockSpec, ...]:
    # One unit for all, so that equal widths stay equal.
    unit = lcm(8, *(channel_unit(block.op) for block in blocks))
    image, classes = blocks[0].in_channels, blocks[-1].out_channels
    widths = [image, *(scale_width(block.out_channels, width, unit=unit) for block in blocks[:-1])]
    is_classifier = isinstance(blocks[-1].op, ClassifierSpec)
    widths.append(classes if is_classifier else scale_width(classes, width, unit=unit))
    return tuple(
        evolve(block, op=_wider_inside(block.op, width), in_channels=before, out_channels=after)
        for block, (before, after) in zip(blocks, pairwise(widths), strict=True)
    )


def _wider_inside(op: OpSpec, width: float) -> OpSpec:
    match op:
        case ClassifierSpec(hidden_channels=int(hidden)) | TreeBlockSpec(hidden_channels=hidden):
            return evolve(op, hidden_channels=scale_width(hidden, width))
    return op
