"""Operations as plain data."""

from typing import Any, Literal, get_args

from attrs import field, frozen, resolve_types
from attrs.validators import ge, instance_of, optional

from pnas_ops.data.cell_operations import (
    FactorizedReduceSpec,
    NoneSpec,
    ReluConvSpec,
    ReluSeparableConvSpec,
    ResidualReductionSpec,
)
from pnas_ops.data.cells import CellEdge, CellStackSpec
from pnas_ops.data.own_operation import OwnOperation
from pnas_ops.data.ranges import POSITIVE_INTEGER

Activation = Literal["relu6", "relu", "hswish", "silu"]
PoolMode = Literal["average", "max"]
UpsampleMode = Literal["nearest", "bilinear"]
SqueezeSource = Literal["hidden", "input"]
ShuffleVersion = Literal["v1", "v2"]


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


_ODD: list[Any] = [instance_of(int), _odd]


@frozen(kw_only=True)
class ConvSpec:
    """A dense convolution with BatchNorm and `activation`; `dilation` spreads its kernel."""

    kernel_size: int = field(validator=_ODD)
    dilation: int = field(default=1, validator=POSITIVE_INTEGER)
    activation: Activation = field(default="relu6", validator=_one_of(get_args(Activation)))

    def __str__(self) -> str:
        return f"conv{self.kernel_size}{_dilated(self.dilation)}{_activated(self.activation)}"


@frozen(kw_only=True)
class SeparableConvSpec:
    """Depthwise `kernel_size`, then 1x1, BatchNorm and ReLU6 (MobileNet, arXiv 1704.04861); `dilation` spreads it."""

    kernel_size: int = field(validator=_ODD)
    dilation: int = field(default=1, validator=POSITIVE_INTEGER)

    def __str__(self) -> str:
        return f"sep-{self.kernel_size}x{self.kernel_size}{_dilated(self.dilation)}"


@frozen(kw_only=True)
class GroupedConvSpec:
    """A convolution in `groups` with BatchNorm and ReLU6; with `shuffle` the groups are then interleaved.

    The shuffle lets the next grouped convolution see every group (ShuffleNet, arXiv 1707.01083).
    """

    kernel_size: int = field(validator=_ODD)
    groups: int = field(validator=POSITIVE_INTEGER)
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
    dilation: int = field(default=1, validator=POSITIVE_INTEGER)

    def __str__(self) -> str:
        return f"presep-{self.kernel_size}x{self.kernel_size}{_dilated(self.dilation)}"


@frozen(kw_only=True)
class BottleneckSpec:
    """Reduce 1x1 to out_channels / `reduction`, convolve `kernel_size`, expand 1x1 (ResNet, arXiv 1512.03385).

    The middle convolution has `groups` (ResNeXt, arXiv 1611.05431). With `shortcut` it is ResNet's whole block: its
    input is added, through a convolution 1x1 and BatchNorm where the shape changes, and `activation` follows.
    """

    kernel_size: int = field(validator=_ODD)
    reduction: int = field(validator=POSITIVE_INTEGER)
    groups: int = field(default=1, validator=POSITIVE_INTEGER)
    activation: Activation = field(default="relu6", validator=_one_of(get_args(Activation)))
    shortcut: bool = field(default=False, validator=instance_of(bool))

    def __str__(self) -> str:
        kind = f"bottleneck{self.reduction}-{self.kernel_size}x{self.kernel_size}{_grouped(self.groups)}"
        return f"{kind}{_activated(self.activation)}{_with_shortcut(self.shortcut)}"


@frozen(kw_only=True)
class BasicBlockSpec:
    """Two dense convolutions with BatchNorm, `activation` between them (ResNet, arXiv 1512.03385).

    With `shortcut` it is ResNet's whole block, like a `BottleneckSpec`.
    """

    kernel_size: int = field(validator=_ODD)
    activation: Activation = field(default="relu6", validator=_one_of(get_args(Activation)))
    shortcut: bool = field(default=False, validator=instance_of(bool))

    def __str__(self) -> str:
        kind = f"basic-{self.kernel_size}x{self.kernel_size}"
        return f"{kind}{_activated(self.activation)}{_with_shortcut(self.shortcut)}"


@frozen(kw_only=True)
class ShuffleUnitSpec:
    """The block of a ShuffleNet, with its shortcut: convolution 1x1, depthwise `kernel_size`, convolution 1x1.

    `version` "v1" (arXiv 1707.01083) has a quarter of its output channels in the middle. Its 1x1 convolutions have
    `groups`, which are shuffled after the first. The input is added; where the shape changes, it is averaged over 3x3
    pixels and concatenated instead. `activation` follows.

    "v2" (arXiv 1807.11164) passes on half of the channels unchanged and convolves the other half; where the shape
    changes, each half is convolved from all channels. Then the halves are shuffled.
    """

    version: ShuffleVersion = field(validator=_one_of(get_args(ShuffleVersion)))
    kernel_size: int = field(validator=_ODD)
    groups: int = field(default=1, validator=POSITIVE_INTEGER)
    activation: Activation = field(default="relu6", validator=_one_of(get_args(Activation)))

    def __attrs_post_init__(self) -> None:
        if self.version == "v2" and self.groups > 1:
            raise ValueError(f"ShuffleUnitSpec.groups are of v1, v2 splits its channels instead, got {self.groups}")

    def __str__(self) -> str:
        kind = f"shuffle{self.version}-{self.kernel_size}x{self.kernel_size}"
        return f"{kind}{_grouped(self.groups)}{_activated(self.activation)}"


@frozen(kw_only=True)
class MBConvSpec:
    """Inverted bottleneck: expand 1x1, depthwise `kernel_size`, project 1x1 (MobileNetV2, arXiv 1801.04381).

    With `expansion` 1 there is no expanding convolution. `activation` follows each convolution but the last.
    `squeeze_excitation` follows the depthwise convolution, as in MobileNetV3 (arXiv 1905.02244): a quarter of the
    hidden channels, ReLU, a hard sigmoid. `squeeze_from="input"` is the form of MnasNet (arXiv 1807.11626) and
    EfficientNet (arXiv 1905.11946): a quarter of the block's input channels, `activation`, a sigmoid.
    """

    kernel_size: int = field(validator=_ODD)
    expansion: int = field(validator=POSITIVE_INTEGER)
    squeeze_excitation: bool = field(default=False, validator=instance_of(bool))
    activation: Activation = field(default="relu6", validator=_one_of(get_args(Activation)))
    squeeze_from: SqueezeSource = field(default="hidden", validator=_one_of(get_args(SqueezeSource)))

    def __attrs_post_init__(self) -> None:
        if self.squeeze_from != "hidden" and not self.squeeze_excitation:
            raise ValueError(f"MBConvSpec.squeeze_from {self.squeeze_from!r} needs squeeze_excitation")

    def __str__(self) -> str:
        source = "" if self.squeeze_from == "hidden" else f"-{self.squeeze_from}"
        squeeze = f"-se{source}" if self.squeeze_excitation else ""
        return f"mb{self.expansion}-{self.kernel_size}x{self.kernel_size}{squeeze}{_activated(self.activation)}"


@frozen(kw_only=True)
class PoolSpec:
    """The average or the maximum of `kernel_size` x `kernel_size` pixels; those outside the image do not count."""

    mode: PoolMode = field(validator=_one_of(get_args(PoolMode)))
    kernel_size: int = field(validator=[*_ODD, ge(3)])

    def __str__(self) -> str:
        mode = "avg" if self.mode == "average" else "max"
        return f"{mode}pool-{self.kernel_size}x{self.kernel_size}"


@frozen(kw_only=True)
class UpsampleSpec:
    """An image of `factor` times the height and width; "bilinear" treats pixels as squares (`align_corners=False`)."""

    mode: UpsampleMode = field(validator=_one_of(get_args(UpsampleMode)))
    factor: int = field(validator=[instance_of(int), ge(2)])

    @property
    def kernel_size(self) -> int:
        """1: it has no kernel."""
        return 1

    def __str__(self) -> str:
        return f"upsample{self.factor}-{self.mode}"


@frozen(kw_only=True)
class GlobalPoolSpec:
    """The average of all pixels, as before the last convolutions of MobileNetV3 (arXiv 1905.02244)."""

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

    With `hidden_channels` None there is no convolution, else `activation` follows it. With `pre_activation`, BatchNorm
    and ReLU come first, since the last block of a pre-activation net lacks them.
    """

    hidden_channels: int | None = field(validator=optional(POSITIVE_INTEGER))
    pre_activation: bool = field(default=False, validator=instance_of(bool))
    activation: Activation = field(default="relu6", validator=_one_of(get_args(Activation)))

    def __attrs_post_init__(self) -> None:
        if self.hidden_channels is None and self.activation != "relu6":
            raise ValueError(f"ClassifierSpec.activation {self.activation!r} needs hidden_channels")

    @property
    def kernel_size(self) -> int:
        """1: it has no kernel."""
        return 1

    def __str__(self) -> str:
        hidden = "" if self.hidden_channels is None else f"-{self.hidden_channels}"
        return f"classifier{hidden}{'-preact' if self.pre_activation else ''}{_activated(self.activation)}"


EdgeSpec = (
    ConvSpec
    | SeparableConvSpec
    | GroupedConvSpec
    | BottleneckSpec
    | BasicBlockSpec
    | ShuffleUnitSpec
    | MBConvSpec
    | PreActivationSeparableConvSpec
    | PoolSpec
    | IdentitySpec
    | OwnOperation
)
"""The operations at an edge of a `TreeBlockSpec`: those that can keep the shape of their input."""


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

    The block is BatchNorm and 1x1 to `hidden_channels`; the cell; BatchNorm, ReLU and 1x1 to the output channels;
    BatchNorm. The shortcut adds the input, averaged over `stride` x `stride` pixels if there is a stride, and padded
    with channels of zeros if it has too few (PyramidNet, arXiv 1610.02915).

    The cell is BatchNorm, ReLU and a 3x3 convolution in two groups that doubles the channels, shuffled. Each half of
    the channels then passes its own binary tree, where every node copies its input to two edges and adds their outputs.
    Each half's result goes through BatchNorm and is added to the half itself; then the two halves are added.

    `edges` are those of the first half's tree, then the second's, each level by level: the two edges of the root, the
    two of the node at the end of its first edge, the two at the end of its second, and so on. The original's trees have
    depth 2, 12 edges in all (ProxylessNAS, section 4.1; the cells of Cai et al., arXiv 1806.02639).
    """

    hidden_channels: int = field(validator=POSITIVE_INTEGER)
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


CellOpSpec = EdgeSpec | ReluConvSpec | ReluSeparableConvSpec | NoneSpec
"""The operations at an edge of a cell; an identity from an input of a reduction cell is a `FactorizedReduceSpec`."""

# Cells are defined below this module, which defines the operations at their edges.
resolve_types(CellEdge, {"CellOpSpec": CellOpSpec})

OpSpec = (
    ConvSpec
    | LinearConvSpec
    | SeparableConvSpec
    | PreActivationSeparableConvSpec
    | GroupedConvSpec
    | BottleneckSpec
    | BasicBlockSpec
    | ShuffleUnitSpec
    | MBConvSpec
    | TreeBlockSpec
    | PoolSpec
    | UpsampleSpec
    | GlobalPoolSpec
    | ZeroSpec
    | IdentitySpec
    | ClassifierSpec
    | ReluConvSpec
    | ReluSeparableConvSpec
    | FactorizedReduceSpec
    | ResidualReductionSpec
    | NoneSpec
    | CellStackSpec
    | OwnOperation
)
"""Any operation."""


def _dilated(dilation: int) -> str:
    return "" if dilation == 1 else f"-d{dilation}"


def _activated(activation: Activation) -> str:
    return "" if activation == "relu6" else f"-{activation}"


def _grouped(groups: int) -> str:
    return "" if groups == 1 else f"-g{groups}"


def _with_shortcut(shortcut: bool) -> str:
    return "-shortcut" if shortcut else ""
