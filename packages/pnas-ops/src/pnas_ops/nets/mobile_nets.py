"""Nets of inverted bottlenecks.

References:
    MobileNetV2, arXiv 1801.04381, table 2. MnasNet, arXiv 1807.11626, figure 7 (A1) and section 8 (B1). EfficientNet,
    arXiv 1905.11946, table 1.
"""

from functools import partial

from pnas_ops.data.spaces import scale_width
from pnas_ops.data.specs import Activation, ConvSpec, MBConvSpec
from pnas_ops.nets.chain import Layers

_HEAD = 1280


def mobilenet_v2(width_mult: float) -> tuple[Layers, ...]:
    """MobileNetV2, without its linear layer; its last convolution becomes no narrower."""
    rows = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    body = [
        Layers(
            op=MBConvSpec(kernel_size=3, expansion=expansion),
            width=scale_width(width, width_mult),
            depth=depth,
            stride=stride,
            residual=True,
        )
        for expansion, width, depth, stride in rows
    ]
    return (_stem("relu6", width_mult), *body, _head("relu6", scale_width(_HEAD, max(1.0, width_mult))))


def mnasnet_a1(width_mult: float) -> tuple[Layers, ...]:
    """MnasNet-A1, without its linear layer; its last convolution keeps its width."""
    squeezing = partial(MBConvSpec, squeeze_excitation=True, squeeze_from="input", activation="relu")
    plain = partial(MBConvSpec, activation="relu")
    return _mnasnet(
        width_mult,
        [
            (plain(kernel_size=3, expansion=6), 24, 2, 2),
            (squeezing(kernel_size=5, expansion=3), 40, 3, 2),
            (plain(kernel_size=3, expansion=6), 80, 4, 2),
            (squeezing(kernel_size=3, expansion=6), 112, 2, 1),
            (squeezing(kernel_size=5, expansion=6), 160, 3, 2),
            (plain(kernel_size=3, expansion=6), 320, 1, 1),
        ],
    )


def mnasnet_b1(width_mult: float) -> tuple[Layers, ...]:
    """MnasNet-B1, without its linear layer; its last convolution keeps its width."""
    op = partial(MBConvSpec, activation="relu")
    return _mnasnet(
        width_mult,
        [
            (op(kernel_size=3, expansion=3), 24, 3, 2),
            (op(kernel_size=5, expansion=3), 40, 3, 2),
            (op(kernel_size=5, expansion=6), 80, 3, 2),
            (op(kernel_size=3, expansion=6), 96, 2, 1),
            (op(kernel_size=5, expansion=6), 192, 4, 2),
            (op(kernel_size=3, expansion=6), 320, 1, 1),
        ],
    )


def efficientnet_b0(width_mult: float) -> tuple[Layers, ...]:
    """EfficientNet-B0, without its linear layer; its last convolution has four times the channels before it."""
    rows = [
        (3, 1, 16, 1, 1),
        (3, 6, 24, 2, 2),
        (5, 6, 40, 2, 2),
        (3, 6, 80, 3, 2),
        (5, 6, 112, 3, 1),
        (5, 6, 192, 4, 2),
        (3, 6, 320, 1, 1),
    ]
    op = partial(MBConvSpec, squeeze_excitation=True, squeeze_from="input", activation="silu")
    body = [
        Layers(
            op=op(kernel_size=kernel_size, expansion=expansion),
            width=scale_width(width, width_mult),
            depth=depth,
            stride=stride,
            residual=True,
        )
        for kernel_size, expansion, width, depth, stride in rows
    ]
    return (_stem("silu", width_mult), *body, _head("silu", 4 * body[-1].width))


def _mnasnet(width_mult: float, rows: list[tuple[MBConvSpec, int, int, int]]) -> tuple[Layers, ...]:
    first = Layers(op=MBConvSpec(kernel_size=3, expansion=1, activation="relu"), width=scale_width(16, width_mult))
    body = [
        Layers(op=op, width=scale_width(width, width_mult), depth=depth, stride=stride, residual=True)
        for op, width, depth, stride in rows
    ]
    return (_stem("relu", width_mult), first, *body, _head("relu", _HEAD))


def _stem(activation: Activation, width_mult: float) -> Layers:
    return Layers(op=ConvSpec(kernel_size=3, activation=activation), width=scale_width(32, width_mult), stride=2)


def _head(activation: Activation, width: int) -> Layers:
    return Layers(op=ConvSpec(kernel_size=1, activation=activation), width=width)
