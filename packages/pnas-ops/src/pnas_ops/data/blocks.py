"""Blocks as plain data: operations at their places."""

from attrs import field, frozen

from pnas_ops.data.cell_operations import FactorizedReduceSpec, NoneSpec
from pnas_ops.data.cells import CellStackSpec
from pnas_ops.data.misfits import misfit, resizes
from pnas_ops.data.ranges import POSITIVE_INTEGER
from pnas_ops.data.specs import ClassifierSpec, GlobalPoolSpec, IdentitySpec, OpSpec, UpsampleSpec, ZeroSpec


@frozen(kw_only=True)
class BlockSpec:
    """An operation at a place in a net: its output is `op(x)`, or `x + op(x)` where `residual`.

    Raises:
        ValueError: if the operation cannot be at this place.
    """

    op: OpSpec
    in_channels: int = field(validator=POSITIVE_INTEGER)
    out_channels: int = field(validator=POSITIVE_INTEGER)
    stride: int = field(default=1, validator=POSITIVE_INTEGER)
    residual: bool = False

    def __attrs_post_init__(self) -> None:
        reason = misfit(self.op, self.in_channels, self.out_channels, stride=self.stride, residual=self.residual)
        if reason is not None:
            raise ValueError(reason)

    @property
    def keeps_shape(self) -> bool:
        """Whether the output has the shape of the input."""
        return self.stride == 1 and self.in_channels == self.out_channels and not resizes(self.op)

    @property
    def computes_nothing(self) -> bool:
        """Whether the block returns its input, or zeros, so that it costs nothing on any device."""
        return isinstance(self.op, ZeroSpec | IdentitySpec | NoneSpec)

    @property
    def size_unit(self) -> int:
        """The number that the height and width of its input must be a multiple of."""
        return self.stride if isinstance(self.op, FactorizedReduceSpec | CellStackSpec) else 1

    def output_size(self, size: int) -> int:
        """Height (or width) of the output for an input of height (or width) `size`."""
        match self.op:
            case ClassifierSpec() | GlobalPoolSpec():
                return 1
            case UpsampleSpec():
                return size * self.op.factor
        return -(-size // self.stride)

    def __str__(self) -> str:
        shortcut = " +x" if self.residual else ""
        return f"{self.op} {self.in_channels}->{self.out_channels} s{self.stride}{shortcut}"
