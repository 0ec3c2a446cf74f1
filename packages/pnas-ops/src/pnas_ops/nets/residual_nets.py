"""Nets of blocks with a shortcut around two or three convolutions.

References:
    ResNet, arXiv 1512.03385, table 1; with the stride at the 3x3 convolution, as torchvision has it. ResNeXt, arXiv
    1611.05431, table 1.
"""

from pnas_ops.data.spaces import scale_width
from pnas_ops.data.specs import BasicBlockSpec, BottleneckSpec, ConvSpec, PoolSpec
from pnas_ops.nets.chain import Layers


def resnet18(width_mult: float) -> tuple[Layers, ...]:
    """ResNet-18, without its linear layer."""
    return _resnet(BasicBlockSpec(kernel_size=3, activation="relu", shortcut=True), 64, (2, 2, 2, 2), width_mult)


def resnet50(width_mult: float) -> tuple[Layers, ...]:
    """ResNet-50, without its linear layer."""
    op = BottleneckSpec(kernel_size=3, reduction=4, activation="relu", shortcut=True)
    return _resnet(op, 256, (3, 4, 6, 3), width_mult)


def resnext50_32x4d(width_mult: float) -> tuple[Layers, ...]:
    """ResNeXt-50 of 32 groups of 4 channels, without its linear layer; widths are multiples of 64."""
    op = BottleneckSpec(kernel_size=3, reduction=2, groups=32, activation="relu", shortcut=True)
    return _resnet(op, 256, (3, 4, 6, 3), width_mult, unit=64)


def _resnet(
    op: BasicBlockSpec | BottleneckSpec, width: int, depths: tuple[int, ...], width_mult: float, unit: int = 8
) -> tuple[Layers, ...]:
    stem = scale_width(64, width_mult)
    stages = [
        Layers(
            op=op,
            width=scale_width(width * 2**number, width_mult, unit=unit),
            depth=depth,
            stride=1 if number == 0 else 2,
        )
        for number, depth in enumerate(depths)
    ]
    return (
        Layers(op=ConvSpec(kernel_size=7, activation="relu"), width=stem, stride=2),
        Layers(op=PoolSpec(mode="max", kernel_size=3), width=stem, stride=2),
        *stages,
    )
