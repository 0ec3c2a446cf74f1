"""Layers of equal width, one after another, as the blocks of a net."""

from collections.abc import Iterable, Sequence
from itertools import count

from attrs import frozen

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.specs import ClassifierSpec, OpSpec
from pnas_ops.nets.errors import ArchitectureError


@frozen(kw_only=True)
class Layers:
    """`depth` blocks of one operation, of `width` output channels; the first has `stride`, the others 1.

    With `residual` the blocks that keep the shape of their input add it.
    """

    op: OpSpec
    width: int
    depth: int = 1
    stride: int = 1
    residual: bool = False


def net(name: str, layers: Iterable[Layers], *, resolution: int, in_channels: int, classes: int) -> Architecture:
    """The layers, then the average of all pixels and a linear layer.

    Raises:
        ArchitectureError: for images that are too small.
    """
    blocks: list[BlockSpec] = []
    width = in_channels
    for group in layers:
        for index in range(group.depth):
            stride = group.stride if index == 0 else 1
            blocks.append(
                BlockSpec(
                    op=group.op,
                    in_channels=width,
                    out_channels=group.width,
                    stride=stride,
                    residual=group.residual and stride == 1 and width == group.width,
                )
            )
            width = group.width
    blocks.append(BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=width, out_channels=classes))
    return sized(name, blocks, resolution)


def sized(name: str, blocks: Sequence[BlockSpec], resolution: int) -> Architecture:
    """These blocks for square images of `resolution` pixels.

    Raises:
        ArchitectureError: for images that are too small.
    """
    if not _survives(blocks, resolution):
        least = next(size for size in count(1) if _survives(blocks, size))
        raise ArchitectureError(f"{name} needs images of at least {least} pixels, got {resolution}")
    return Architecture(name=name, resolution=resolution, blocks=tuple(blocks))


def _survives(blocks: Sequence[BlockSpec], size: int) -> bool:
    """Whether no stride takes more pixels than there are."""
    for block in blocks:
        if size < block.stride:
            return False
        size = block.output_size(size)
    return True
