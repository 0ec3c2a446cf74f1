"""Where an operation can be placed: what it does to an image, and what channels it needs."""

from pnas_ops.data.cell_operations import FactorizedReduceSpec, NoneSpec, ResidualReductionSpec
from pnas_ops.data.cells import CellStackSpec
from pnas_ops.data.own_operation import OwnOperation, answer
from pnas_ops.data.specs import (
    BasicBlockSpec,
    BottleneckSpec,
    ClassifierSpec,
    GlobalPoolSpec,
    GroupedConvSpec,
    IdentitySpec,
    OpSpec,
    PoolSpec,
    ShuffleUnitSpec,
    TreeBlockSpec,
    UpsampleSpec,
    ZeroSpec,
)


def resizes(op: OpSpec) -> bool:
    """Whether its output is not of the size that the block's stride gives."""
    return isinstance(op, ClassifierSpec | GlobalPoolSpec | UpsampleSpec)


def has_own_shortcut(op: OpSpec) -> bool:
    """Whether the operation already adds its input, so that a block must not."""
    match op:
        case TreeBlockSpec() | ShuffleUnitSpec():
            return True
        case BottleneckSpec() | BasicBlockSpec():
            return op.shortcut
    return False


def channel_unit(op: OpSpec) -> int:
    """The number that the channels before and after the operation may have to be a multiple of."""
    match op:
        case GroupedConvSpec():
            return op.groups
        case BottleneckSpec():
            return op.reduction * op.groups
        case ShuffleUnitSpec():
            return 2 if op.version == "v2" else 4 * op.groups
    return 1


def misfit(op: OpSpec, in_channels: int, out_channels: int, *, stride: int, residual: bool) -> str | None:
    """Why the operation cannot be at this place of a net; None if it can."""
    place = f"{in_channels}->{out_channels} s{stride}"
    keeps_shape = stride == 1 and in_channels == out_channels and not resizes(op)
    if residual and not keeps_shape:
        return f"a residual block needs stride 1 and equal channels, got {place}"
    if residual and has_own_shortcut(op):
        return f"{op} has a shortcut of its own"
    match op:
        case ZeroSpec() | IdentitySpec() if not keeps_shape:
            return f"{op} needs stride 1 and equal channels, got {place}"
        case ZeroSpec() if not residual:
            return "skip needs a residual block: without a shortcut nothing would pass"
        case IdentitySpec() if residual:
            return "identity in a residual block would double its input: use ZeroSpec to skip the block"
        case PoolSpec() | GlobalPoolSpec() if in_channels != out_channels:
            return f"{op} needs equal channels, got {place}"
        case GroupedConvSpec() if in_channels % op.groups or out_channels % op.groups:
            return f"{op} needs channels that are multiples of {op.groups}, got {place}"
        case UpsampleSpec() if stride > 1 or in_channels != out_channels:
            return f"{op} needs stride 1 and equal channels, got {place}"
        case BottleneckSpec() if out_channels % channel_unit(op):
            return f"{op} needs output channels that are a multiple of {channel_unit(op)}, got {place}"
        case ShuffleUnitSpec():
            return _misfit_of_shuffle_unit(op, in_channels, out_channels, place, keeps_shape=keeps_shape)
        case TreeBlockSpec():
            return _misfit_of_tree(op, in_channels, out_channels)
        case NoneSpec() if residual or in_channels != out_channels:
            return f"{op} stands at an edge of a cell, got {place}"
        case FactorizedReduceSpec() if stride != 2 or out_channels % 2:
            return f"{op} needs stride 2 and an even number of output channels, got {place}"
        case ResidualReductionSpec() if stride == 1:
            return f"{op} needs a stride, got {place}"
        case CellStackSpec():
            from pnas_ops.data.cell_parts import misfit_of_cells  # late, since it imports blocks

            return misfit_of_cells(op, in_channels, out_channels, stride=stride, residual=residual)
        case OwnOperation():
            return answer(op, "misfit", lambda: op.misfit(in_channels, out_channels, stride=stride, residual=residual))
    return None


def _misfit_of_shuffle_unit(
    op: ShuffleUnitSpec, in_channels: int, out_channels: int, place: str, *, keeps_shape: bool
) -> str | None:
    unit = channel_unit(op)
    if out_channels % unit:
        return f"{op} needs output channels that are a multiple of {unit}, got {place}"
    if in_channels % op.groups:
        return f"{op} needs input channels that are a multiple of {op.groups}, got {place}"
    if op.version == "v1" and not keeps_shape and out_channels <= in_channels:
        return f"{op} needs more output channels than input channels where the shape changes, got {place}"
    return None


def _misfit_of_tree(op: TreeBlockSpec, in_channels: int, out_channels: int) -> str | None:
    if out_channels < in_channels:
        return f"{op} needs at least as many output channels as input channels, got {in_channels}->{out_channels}"
    for number, edge in enumerate(op.edges):
        reason = misfit(edge, op.hidden_channels, op.hidden_channels, stride=1, residual=False)
        if reason is not None:
            return f"{reason} at edge {number} of {op}"
    return None
