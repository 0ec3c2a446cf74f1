"""Single layers of the original as operations and blocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.specs import ConvSpec, GroupedConvSpec, IdentitySpec, MBConvSpec, OpSpec, PoolSpec, SeparableConvSpec
from pnas_ops.files.serialization import FormatError
from pnas_ops.original.layers import (
    ConvLayer,
    DepthConvLayer,
    IdentityLayer,
    Layer,
    LinearLayer,
    MaybeLayer,
    MBInvertedConvLayer,
    PoolingLayer,
    ZeroLayer,
)

T = TypeVar("T")
_Placed = ConvLayer | DepthConvLayer | PoolingLayer | IdentityLayer | MBInvertedConvLayer
POST_ACTIVATION = {"bias": False, "use_bn": True, "ops_order": "weight_bn_act"}
"""The settings of a convolution in the mobile nets."""


@contextmanager
def at(place: str) -> Iterator[None]:
    """Turns a `ValueError` into a `FormatError`, with the place in the file before its message."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{place}: {error.what}", error.way_out) from None
    except ValueError as error:
        raise FormatError(f"{place}: {error}") from None


def of_kind(layer: Any, kind: type[T]) -> T:
    """The layer, which must be of this kind.

    Raises:
        ValueError: for any other, naming both kinds.
    """
    if not isinstance(layer, kind):
        raise ValueError(f"{_named(layer)} cannot be expressed here, only {_an(kind)}")
    return layer


def demand(layer: Any, **needed: Any) -> None:
    """Checks that fields of a layer have the values that the operations here can express.

    Raises:
        ValueError: naming the layer, the field and both values.
    """
    for name, value in needed.items():
        if (found := getattr(layer, name)) != value:
            raise ValueError(f"{_named(layer)} with {name} {found!r} cannot be expressed here, only with {value!r}")


def demand_identity(layer: MaybeLayer) -> None:
    """Checks that the layer returns its input.

    Raises:
        ValueError: for another kind, and for an `IdentityLayer` with BatchNorm or activation.
    """
    if layer is not None:
        demand(of_kind(layer, IdentityLayer), use_bn=False, act_func=None)


def read_block(layer: Layer, *, residual: bool = False) -> BlockSpec:
    """A layer of a net in the order convolution, BatchNorm, activation.

    Raises:
        ValueError: naming what cannot be expressed.
    """
    if isinstance(layer, LinearLayer | ZeroLayer):
        raise ValueError(f"{_named(layer)} cannot be expressed here")
    return BlockSpec(
        op=_read_operation(layer),
        in_channels=layer.in_channels,
        out_channels=layer.out_channels,
        stride=1 if isinstance(layer, IdentityLayer) else layer.stride,
        residual=residual,
    )


def read_pooling(layer: PoolingLayer) -> PoolSpec:
    """A pooling that keeps the shape of its input.

    Raises:
        ValueError: naming what cannot be expressed.
    """
    # With any other stride the original has no padding.
    demand(layer, stride=1, use_bn=False, act_func=None)
    return PoolSpec(mode="average" if layer.pool_type == "avg" else "max", kernel_size=layer.kernel_size)


def _read_operation(layer: _Placed) -> OpSpec:
    match layer:
        case MBInvertedConvLayer():
            if layer.mid_channels is not None:
                demand(layer, mid_channels=layer.in_channels * layer.expand_ratio)
            return MBConvSpec(kernel_size=layer.kernel_size, expansion=layer.expand_ratio)
        case ConvLayer(groups=1, act_func="relu"):
            demand(layer, **POST_ACTIVATION)
            return ConvSpec(kernel_size=layer.kernel_size, dilation=layer.dilation, activation="relu")
        case ConvLayer(groups=1):
            demand(layer, **POST_ACTIVATION, act_func="relu6")
            return ConvSpec(kernel_size=layer.kernel_size, dilation=layer.dilation)
        case ConvLayer():
            # The original shuffles before BatchNorm, a GroupedConvSpec after it: its weights would need a permutation.
            demand(layer, **POST_ACTIVATION, act_func="relu6", dilation=1, has_shuffle=False)
            return GroupedConvSpec(kernel_size=layer.kernel_size, groups=layer.groups)
        case DepthConvLayer():
            demand(layer, **POST_ACTIVATION, act_func="relu6", groups=1)
            return SeparableConvSpec(kernel_size=layer.kernel_size, dilation=layer.dilation)
        case PoolingLayer():
            return read_pooling(layer)
        case IdentityLayer():
            demand_identity(layer)
            return IdentitySpec()


def _named(layer: object) -> str:
    return "a missing layer" if layer is None else _an(type(layer))


def _an(kind: type) -> str:
    return f"an {kind.__name__}" if kind is IdentityLayer else f"a {kind.__name__}"
