"""Operations and blocks as plain data."""

from typing import Any, Literal, get_args

from attrs import field, frozen
from attrs.validators import ge, instance_of, optional

from pnas_ops.data.own_operation import OwnOperation, answer

Activation = Literal["relu6", "relu", "hswish"]
PoolMode = Literal["average", "max"]


def _odd(instance: object, attribute: object, value: int) -> None:
    if value < 1 or value % 2 == 0:
        name = getattr(attribute, "name", "value")
        raise ValueError(f"{type(instance).__name__}.{name} must be odd and positive, got {value}")


def _one_of(options: tuple[str, ...]) -> Any:
    def check(instance: object, attribute: Any, value: object) -> None:
        if value not in options:
            raise ValueError(
                f"{type(instance).__name__}.{attribute.name} must be one of {', '.join(options)}, got {value!r}"
            )

    return check


_POSITIVE: list[Any] = [instance_of(int), ge(1)]
_ODD: list[Any] = [instance_of(int), _odd]


@frozen(kw_only=True)
class ConvSpec:
    """A dense convolution with BatchNorm and `activation`; `dilation` spreads its kernel."""

    kernel_size: int = field(validator=_ODD)
    dilation: int = field(default=1, validator=_POSITIVE)
    activation: Activation = field(default="relu6", validator=_one_of(get_args(Activation)))

    def __str__(self) -> str:
        return f"conv{self.kernel_size}{_dilated(self.dilation)}{_activated(self.activation)}"


@frozen(kw_only=True)
class SeparableConvSpec:
    """Depthwise `kernel_size`, then 1x1, BatchNorm and ReLU6 (MobileNet, arXiv 1704.04861); `dilation` spreads it."""

    kernel_size: int = field(validator=_ODD)
    dilation: int = field(default=1, validator=_POSITIVE)

    def __str__(self) -> str:
        return f"sep-{self.kernel_size}x{self.kernel_size}{_dilated(self.dilation)}"


@frozen(kw_only=True)
class GroupedConvSpec:
    """A convolution in `groups` with BatchNorm and ReLU6; with `shuffle` the groups are then interleaved.

    The shuffle is what lets the next grouped convolution see every group (ShuffleNet, arXiv 1707.01083).
    """

    kernel_size: int = field(validator=_ODD)
    groups: int = field(validator=_POSITIVE)
    shuffle: bool = field(default=False, validator=instance_of(bool))

    def __str__(self) -> str:
        return f"group{self.groups}-{self.kernel_size}x{self.kernel_size}{'-shuffle' if self.shuffle else ''}"


@frozen(kw_only=True)
class LinearConvSpec:
    """A dense convolution and BatchNorm, without activation: the start of a pre-activation net."""

    kernel_size: int = field(validator=_ODD)

    def __str__(self) -> str:
        return f"linearconv{self.kernel_size}"


@frozen(kw_only=True)
class PreActivationSeparableConvSpec:
    """BatchNorm and ReLU, then depthwise `kernel_size` and 1x1 (order: He et al., arXiv 1603.05027)."""

    kernel_size: int = field(validator=_ODD)
    dilation: int = field(default=1, validator=_POSITIVE)

    def __str__(self) -> str:
        return f"presep-{self.kernel_size}x{self.kernel_size}{_dilated(self.dilation)}"


@frozen(kw_only=True)
class BottleneckSpec:
    """Reduce 1x1 to out_channels / `reduction`, convolve `kernel_size`, expand 1x1 (ResNet, arXiv 1512.03385)."""

    kernel_size: int = field(validator=_ODD)
    reduction: int = field(validator=_POSITIVE)

    def __str__(self) -> str:
        return f"bottleneck{self.reduction}-{self.kernel_size}x{self.kernel_size}"


@frozen(kw_only=True)
class MBConvSpec:
    """Inverted bottleneck: expand 1x1, depthwise `kernel_size`, project 1x1 (MobileNetV2, arXiv 1801.04381).

    With `expansion` 1 there is no expanding convolution. `squeeze_excitation` follows the depthwise convolution, with
    a hard sigmoid and a quarter of its channels; `activation` follows both convolutions before the last (MobileNetV3,
    arXiv 1905.02244).
    """

    kernel_size: int = field(validator=_ODD)
    expansion: int = field(validator=_POSITIVE)
    squeeze_excitation: bool = field(default=False, validator=instance_of(bool))
    activation: Activation = field(default="relu6", validator=_one_of(get_args(Activation)))

    def __str__(self) -> str:
        squeeze = "-se" if self.squeeze_excitation else ""
        return f"mb{self.expansion}-{self.kernel_size}x{self.kernel_size}{squeeze}{_activated(self.activation)}"


@frozen(kw_only=True)
class PoolSpec:
    """The average or the maximum of `kernel_size` x `kernel_size` pixels; those beyond the image do not count."""

    mode: PoolMode = field(validator=_one_of(get_args(PoolMode)))
    kernel_size: int = field(validator=[*_ODD, ge(3)])

    def __str__(self) -> str:
        mode = "avg" if self.mode == "average" else "max"
        return f"{mode}pool-{self.kernel_size}x{self.kernel_size}"


@frozen(kw_only=True)
class GlobalPoolSpec:
    """The average of all pixels: what stands before the last convolutions of MobileNetV3 (arXiv 1905.02244)."""

    @property
    def kernel_size(self) -> int:
        """1: it has no kernel."""
        return 1

    def __str__(self) -> str:
        return "globalpool"


@frozen(kw_only=True)
class ZeroSpec:
    """The operation whose output is zero; inside a residual block it skips the block (ProxylessNAS, section 3.1)."""

    @property
    def kernel_size(self) -> int:
        """1: it has no kernel."""
        return 1

    def __str__(self) -> str:
        return "skip"


@frozen(kw_only=True)
class IdentitySpec:
    """The operation that returns its input."""

    @property
    def kernel_size(self) -> int:
        """1: it has no kernel."""
        return 1

    def __str__(self) -> str:
        return "identity"


@frozen(kw_only=True)
class ClassifierSpec:
    """The end of a net: convolution 1x1 to `hidden_channels`, global average pool, linear layer to the classes.

    With `hidden_channels` None there is no convolution. With `pre_activation`, BatchNorm and ReLU stand before all of
    it, which is what the last block of a pre-activation net leaves undone.
    """

    hidden_channels: int | None = field(validator=optional(_POSITIVE))
    pre_activation: bool = field(default=False, validator=instance_of(bool))

    @property
    def kernel_size(self) -> int:
        """1: it has no kernel."""
        return 1

    def __str__(self) -> str:
        hidden = "" if self.hidden_channels is None else f"-{self.hidden_channels}"
        return f"classifier{hidden}{'-preact' if self.pre_activation else ''}"


EdgeSpec = (
    ConvSpec
    | SeparableConvSpec
    | GroupedConvSpec
    | BottleneckSpec
    | MBConvSpec
    | PreActivationSeparableConvSpec
    | PoolSpec
    | IdentitySpec
    | OwnOperation
)
"""What can stand at an edge of a `TreeBlockSpec`: an operation that can keep the shape of its input."""


def _fills_two_trees(instance: object, attribute: object, edges: tuple[EdgeSpec, ...]) -> None:
    for edge in edges:
        if not isinstance(edge, get_args(EdgeSpec)):
            raise ValueError(f"TreeBlockSpec.edges: {edge} cannot stand at an edge of a tree")
    # A binary tree of depth d has 2 + 4 + ... + 2^d = 2^(d+1) - 2 edges.
    in_a_half, odd = divmod(len(edges), 2)
    full = in_a_half + 2
    if odd or full < 4 or full & (full - 1):
        raise ValueError(
            f"TreeBlockSpec.edges must fill two binary trees of equal depth (4, 12, 28, ... edges), got {len(edges)}"
        )


@frozen(kw_only=True, repr=False)
class TreeBlockSpec:
    """A pre-activation bottleneck whose 3x3 convolution is a cell of two trees, with the block's own shortcut.

    BatchNorm and 1x1 to `hidden_channels`; the cell; BatchNorm, ReLU and 1x1 to the output channels; BatchNorm. To
    this is added the input, averaged over `stride` x `stride` pixels where there is a stride, and with channels of
    zeros where it has too few (PyramidNet, arXiv 1610.02915).

    The cell: BatchNorm, ReLU, a 3x3 convolution in two groups that doubles the channels, shuffled; then each half of
    the channels passes its own binary tree, in which every node copies its input to two edges and adds what comes out;
    each half's result goes through BatchNorm and is added to the half itself; the two halves are added.

    `edges` are those of the first half's tree, then the second's; in each, level by level: the two edges of the root,
    the two of the node at the end of its first edge, the two at the end of its second, and so on. The original's trees
    have depth 2, 12 edges in all (ProxylessNAS, section 4.1; the cells of Cai et al., arXiv 1806.02639).
    """

    hidden_channels: int = field(validator=_POSITIVE)
    edges: tuple[EdgeSpec, ...] = field(validator=_fills_two_trees)

    def __attrs_post_init__(self) -> None:
        if self.hidden_channels % 2:
            raise ValueError(
                f"TreeBlockSpec.hidden_channels must be even: it has two groups, got {self.hidden_channels}"
            )

    @property
    def kernel_size(self) -> int:
        """The largest kernel of the cell."""
        return max(3, *(edge.kernel_size for edge in self.edges))

    def __repr__(self) -> str:
        # Late: the listings know these classes.
        from pnas_ops.data.listings import operation_text, shortened

        return f"<TreeBlockSpec {shortened(operation_text(self), 100)}>"

    def __str__(self) -> str:
        return f"tree{self.hidden_channels}({' '.join(map(str, self.edges))})"


OpSpec = (
    ConvSpec
    | LinearConvSpec
    | SeparableConvSpec
    | PreActivationSeparableConvSpec
    | GroupedConvSpec
    | BottleneckSpec
    | MBConvSpec
    | TreeBlockSpec
    | PoolSpec
    | GlobalPoolSpec
    | ZeroSpec
    | IdentitySpec
    | ClassifierSpec
    | OwnOperation
)
"""Any operation."""


def _dilated(dilation: int) -> str:
    return "" if dilation == 1 else f"-d{dilation}"


def _activated(activation: Activation) -> str:
    return "" if activation == "relu6" else f"-{activation}"


def misfit(op: OpSpec, in_channels: int, out_channels: int, *, stride: int, residual: bool) -> str | None:
    """Why the operation cannot stand at this place of a net; None where it can."""
    place = f"{in_channels}->{out_channels} s{stride}"
    keeps_shape = stride == 1 and in_channels == out_channels and not isinstance(op, ClassifierSpec | GlobalPoolSpec)
    if residual and not keeps_shape:
        return f"a residual block needs stride 1 and equal channels, got {place}"
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
        case BottleneckSpec() if out_channels % op.reduction:
            return f"{op} needs output channels that are a multiple of {op.reduction}, got {place}"
        case TreeBlockSpec():
            return _misfit_of_tree(op, in_channels, out_channels, residual=residual)
        case OwnOperation():
            return answer(op, "misfit", lambda: op.misfit(in_channels, out_channels, stride=stride, residual=residual))
    return None


def _misfit_of_tree(op: TreeBlockSpec, in_channels: int, out_channels: int, *, residual: bool) -> str | None:
    if residual:
        return f"{op} has a shortcut of its own"
    if out_channels < in_channels:
        return f"{op} needs at least as many output channels as input channels, got {in_channels}->{out_channels}"
    for number, edge in enumerate(op.edges):
        reason = misfit(edge, op.hidden_channels, op.hidden_channels, stride=1, residual=False)
        if reason is not None:
            return f"{reason} at edge {number} of {op}"
    return None


@frozen(kw_only=True)
class BlockSpec:
    """An operation at a place in a net: its output is `op(x)`, or `x + op(x)` where `residual`.

    Raises:
        ValueError: where the operation cannot stand at this place.
    """

    op: OpSpec
    in_channels: int = field(validator=_POSITIVE)
    out_channels: int = field(validator=_POSITIVE)
    stride: int = field(default=1, validator=_POSITIVE)
    residual: bool = False

    def __attrs_post_init__(self) -> None:
        reason = misfit(self.op, self.in_channels, self.out_channels, stride=self.stride, residual=self.residual)
        if reason is not None:
            raise ValueError(reason)

    @property
    def keeps_shape(self) -> bool:
        """Whether the output has the shape of the input."""
        same = self.stride == 1 and self.in_channels == self.out_channels
        return same and not isinstance(self.op, ClassifierSpec | GlobalPoolSpec)

    @property
    def computes_nothing(self) -> bool:
        """Whether the block hands on its input, so that it costs nothing on any device."""
        return isinstance(self.op, ZeroSpec | IdentitySpec)

    def output_size(self, size: int) -> int:
        """Height (or width) of the output for an input of height (or width) `size`."""
        return 1 if isinstance(self.op, ClassifierSpec | GlobalPoolSpec) else -(-size // self.stride)

    def __str__(self) -> str:
        shortcut = " +x" if self.residual else ""
        return f"{self.op} {self.in_channels}->{self.out_channels} s{self.stride}{shortcut}"
