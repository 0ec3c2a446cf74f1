"""The operations that nets are made of, all at the same shape, to be compared with a plain convolution."""

from attrs import evolve, frozen

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.errors import PnasError
from pnas_ops.data.misfits import misfit
from pnas_ops.data.specs import (
    BottleneckSpec,
    ClassifierSpec,
    ConvSpec,
    GroupedConvSpec,
    MBConvSpec,
    OpSpec,
    PoolSpec,
    SeparableConvSpec,
    ShuffleUnitSpec,
    UpsampleSpec,
)

_GROUPS, _RESNEXT_GROUPS = 4, 32


class PrimitiveError(PnasError, ValueError):
    """A shape that no operation can have."""


@frozen(kw_only=True)
class Primitive:
    """An operation of one or more blocks.

    Attributes:
        name: its usual name.
        blocks: that make it up; none if it is impossible at this shape.
        misfit: why it is impossible; empty if it is not.
    """

    name: str
    blocks: tuple[BlockSpec, ...]
    misfit: str = ""

    def net(self, resolution: int) -> Architecture:
        """The blocks as a net for images of this resolution in pixels."""
        return Architecture(name=self.name, resolution=resolution, blocks=self.blocks)


def primitives(channels: int) -> tuple[Primitive, ...]:
    """All operations on `channels` channels; the first is the plain convolution that others are compared with.

    All keep the shape of their input, except those with "/2", which halve its sides and double its channels, as nets do
    between their stages, and those with "x2", which double its sides.

    Raises:
        PrimitiveError: for less than one channel.
    """
    if channels < 1:
        raise PrimitiveError(f"an operation of {channels} channels computes nothing", "take 1 or more")
    conv3 = ConvSpec(kernel_size=3)
    bottleneck = BottleneckSpec(kernel_size=3, reduction=4)
    shuffles = (
        ShuffleUnitSpec(version="v1", kernel_size=3, groups=_GROUPS),
        ShuffleUnitSpec(version="v2", kernel_size=3),
    )
    squeezing = MBConvSpec(kernel_size=3, expansion=3, squeeze_excitation=True)
    kept: tuple[tuple[str, tuple[OpSpec, ...]], ...] = (
        ("3x3 convolution", (conv3,)),
        ("1x1 convolution", (ConvSpec(kernel_size=1),)),
        ("5x5 convolution", (ConvSpec(kernel_size=5),)),
        ("two 3x3 convolutions", (conv3, conv3)),
        ("depthwise 3x3", (GroupedConvSpec(kernel_size=3, groups=channels),)),
        ("depthwise 3x3 + 1x1", (SeparableConvSpec(kernel_size=3),)),
        ("grouped 3x3", (GroupedConvSpec(kernel_size=3, groups=_GROUPS),)),
        ("grouped 3x3 + shuffle", (GroupedConvSpec(kernel_size=3, groups=_GROUPS, shuffle=True),)),
        ("bottleneck", (evolve(bottleneck, shortcut=True),)),
        ("grouped bottleneck", (BottleneckSpec(kernel_size=3, reduction=2, groups=_RESNEXT_GROUPS, shortcut=True),)),
        *((f"shuffle unit {one.version}", (one,)) for one in shuffles),
        ("inverted bottleneck 6", (MBConvSpec(kernel_size=3, expansion=6),)),
        ("inverted bottleneck 3", (MBConvSpec(kernel_size=3, expansion=3),)),
        ("inverted 3 + squeeze", (squeezing,)),
        ("average pool 3x3", (PoolSpec(mode="average", kernel_size=3),)),
        ("max pool 3x3", (PoolSpec(mode="max", kernel_size=3),)),
        ("upsample nearest x2", (UpsampleSpec(mode="nearest", factor=2),)),
        ("upsample bilinear x2", (UpsampleSpec(mode="bilinear", factor=2),)),
        ("global pool + linear", (ClassifierSpec(hidden_channels=None),)),
    )
    halving: tuple[tuple[str, OpSpec], ...] = (
        ("projected bottleneck/2", evolve(bottleneck, shortcut=True)),
        *((f"shuffle unit {one.version}/2", one) for one in shuffles),
    )
    return (
        *(_primitive(name, ops, channels, channels, stride=1) for name, ops in kept),
        *(_primitive(name, (op,), channels, 2 * channels, stride=2) for name, op in halving),
    )


def _primitive(name: str, ops: tuple[OpSpec, ...], in_channels: int, out_channels: int, *, stride: int) -> Primitive:
    blocks = []
    for op in ops:
        residual = isinstance(op, MBConvSpec)
        if reason := misfit(op, in_channels, out_channels, stride=stride, residual=residual):
            return Primitive(name=name, blocks=(), misfit=reason)
        blocks.append(
            BlockSpec(op=op, in_channels=in_channels, out_channels=out_channels, stride=stride, residual=residual)
        )
    return Primitive(name=name, blocks=tuple(blocks))
