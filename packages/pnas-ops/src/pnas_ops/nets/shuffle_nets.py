"""Nets of ShuffleNet units.

References:
    ShuffleNetV2, arXiv 1807.11164, table 5.
"""

from pnas_ops.data.spaces import scale_width
from pnas_ops.data.specs import ConvSpec, PoolSpec, ShuffleUnitSpec
from pnas_ops.nets.chain import Layers

_PUBLISHED = {
    0.5: (24, 48, 96, 192, 1024),
    1.0: (24, 116, 232, 464, 1024),
    1.5: (24, 176, 352, 704, 1024),
    2.0: (24, 244, 488, 976, 2048),
}


def shufflenet_v2_x1_0(width_mult: float) -> tuple[Layers, ...]:
    """ShuffleNetV2, without its linear layer; widths 0.5, 1.5 and 2 as published, others by MobileNetV2's rule."""
    widths = _PUBLISHED.get(width_mult) or [scale_width(width, width_mult) for width in _PUBLISHED[1.0]]
    stem, *stages, head = widths
    unit = ShuffleUnitSpec(version="v2", kernel_size=3, activation="relu")
    return (
        Layers(op=ConvSpec(kernel_size=3, activation="relu"), width=stem, stride=2),
        Layers(op=PoolSpec(mode="max", kernel_size=3), width=stem, stride=2),
        *(Layers(op=unit, width=width, depth=depth, stride=2) for width, depth in zip(stages, (4, 8, 4), strict=True)),
        Layers(op=ConvSpec(kernel_size=1, activation="relu"), width=head),
    )
