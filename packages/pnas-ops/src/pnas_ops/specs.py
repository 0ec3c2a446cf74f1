"""Operations and blocks as plain data."""

from typing import Any

from attrs import field, frozen
from attrs.validators import ge, instance_of


def _odd(instance: object, attribute: object, value: int) -> None:
    if value < 1 or value % 2 == 0:
        name = getattr(attribute, "name", "value")
        raise ValueError(f"{type(instance).__name__}.{name} must be odd and positive, got {value}")


_POSITIVE: list[Any] = [instance_of(int), ge(1)]


@frozen(kw_only=True)
class ConvSpec:
    """A dense convolution with BatchNorm and ReLU6."""

    kernel_size: int = field(validator=[instance_of(int), _odd])

    def __str__(self) -> str:
        return f"conv{self.kernel_size}"


@frozen(kw_only=True)
class MBConvSpec:
    """Inverted bottleneck: expand 1x1, depthwise `kernel_size`, project 1x1 (MobileNetV2, arXiv 1801.04381).

    With `expansion` 1 there is no expanding convolution.
    """

    kernel_size: int = field(validator=[instance_of(int), _odd])
    expansion: int = field(validator=_POSITIVE)

    def __str__(self) -> str:
        return f"mb{self.expansion}-{self.kernel_size}x{self.kernel_size}"


@frozen(kw_only=True)
class ZeroSpec:
    """The operation whose output is zero; inside a residual block it skips the block (ProxylessNAS, section 3.1)."""

    def __str__(self) -> str:
        return "skip"


@frozen(kw_only=True)
class IdentitySpec:
    """The operation that returns its input."""

    def __str__(self) -> str:
        return "identity"


@frozen(kw_only=True)
class ClassifierSpec:
    """The end of a net: convolution 1x1 to `hidden_channels`, global average pool, linear layer to the classes."""

    hidden_channels: int = field(validator=_POSITIVE)

    def __str__(self) -> str:
        return f"classifier-{self.hidden_channels}"


OpSpec = ConvSpec | MBConvSpec | ZeroSpec | IdentitySpec | ClassifierSpec


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
        if not self.keeps_shape and (self.residual or isinstance(self.op, ZeroSpec | IdentitySpec)):
            what = "a residual block" if self.residual else f"{self.op}"
            raise ValueError(
                f"{what} needs stride 1 and equal channels, got {self.in_channels}->{self.out_channels} s{self.stride}"
            )
        if isinstance(self.op, ZeroSpec) and not self.residual:
            raise ValueError("skip needs a residual block: without a shortcut nothing would pass")
        if isinstance(self.op, IdentitySpec) and self.residual:
            raise ValueError("identity in a residual block would double its input: use ZeroSpec to skip the block")

    @property
    def keeps_shape(self) -> bool:
        """Whether the output has the shape of the input."""
        return self.stride == 1 and self.in_channels == self.out_channels and not isinstance(self.op, ClassifierSpec)

    @property
    def computes_nothing(self) -> bool:
        """Whether the block hands on its input, so that it costs nothing on any device."""
        return isinstance(self.op, ZeroSpec | IdentitySpec)

    def output_size(self, size: int) -> int:
        """Height (or width) of the output for an input of height (or width) `size`."""
        return 1 if isinstance(self.op, ClassifierSpec) else -(-size // self.stride)

    def __str__(self) -> str:
        shortcut = " +x" if self.residual else ""
        return f"{self.op} {self.in_channels}->{self.out_channels} s{self.stride}{shortcut}"
