"""A stage of a space of whole networks."""

from itertools import pairwise
from typing import Any

from attrs import field, frozen
from attrs.validators import deep_iterable, min_len

from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.ranges import POSITIVE_INTEGER
from pnas_ops.data.specs import MBConvSpec


def _rising(instance: object, attribute: Any, value: tuple[int, ...]) -> None:
    if not all(one < other for one, other in pairwise(value)):
        raise ValueError(f"{type(instance).__name__}.{attribute.name} must rise from one to the next, got {value}")


RISING_NUMBERS: Any = [min_len(1), deep_iterable(POSITIVE_INTEGER), _rising]
"""Validators for the options of a choice: widths, depths, resolutions."""


@frozen(kw_only=True)
class NetworkStage:
    """Blocks of equal output channels, one of `widths`; their number is one of `depths`.

    The first has `stride` and no shortcut; the others have stride 1 and a shortcut.
    """

    widths: tuple[int, ...] = field(validator=RISING_NUMBERS)
    depths: tuple[int, ...] = field(validator=RISING_NUMBERS)
    stride: int = field(validator=POSITIVE_INTEGER)

    @property
    def deepest(self) -> int:
        """The largest number of blocks."""
        return self.depths[-1]

    def ways_by_depth(self, operations: int) -> list[int]:
        """For each depth, the number of ways to give each block one of so many operations."""
        return [operations**depth for depth in self.depths]

    def first_block(self, op: MBConvSpec, in_channels: int, out_channels: int) -> BlockSpec:
        """The first block, for these widths before and in the stage."""
        return BlockSpec(op=op, in_channels=in_channels, out_channels=out_channels, stride=self.stride)

    def other_block(self, op: MBConvSpec, channels: int) -> BlockSpec:
        """Any other block, for this width of the stage."""
        return BlockSpec(op=op, in_channels=channels, out_channels=channels, residual=True)
