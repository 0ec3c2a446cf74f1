"""Named search spaces."""

from pnas_ops.data.space import SearchSpace, Stage
from pnas_ops.data.specs import BlockSpec, ClassifierSpec, ConvSpec, MBConvSpec, OpSpec, ZeroSpec


def scale_width(channels: int, width_mult: float) -> int:
    """`channels * width_mult` to the nearest multiple of 8, but never less than 90 % of it (MobileNetV2's rule)."""
    wanted = channels * width_mult
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def mbconv_candidates(kernel_sizes: tuple[int, ...], expansions: tuple[int, ...]) -> tuple[OpSpec, ...]:
    """Every MBConv of these kernel sizes and expansions, then Zero."""
    return (*(MBConvSpec(kernel_size=k, expansion=e) for e in expansions for k in kernel_sizes), ZeroSpec())


def imagenet_mbconv_space(
    width_mult: float = 1.0, *, blocks_per_stage: int = 4, classes: int = 1000, resolution: int = 224
) -> SearchSpace:
    """The original's space for ImageNet: 21 searched blocks of MBConv, kernels 3, 5, 7, expansions 3, 6, and Zero.

    The last stage has one block, whatever the number in the others.
    """
    return _mbconv_space(
        name=_name("imagenet-mbconv", width_mult, blocks_per_stage, 4),
        resolution=resolution,
        stem_channels=(scale_width(32, width_mult), scale_width(16, width_mult)),
        stem_strides=(2, 1),
        stages=tuple(
            Stage(width=scale_width(width, width_mult), depth=depth, stride=stride)
            for width, depth, stride in [
                (24, blocks_per_stage, 2),
                (40, blocks_per_stage, 2),
                (80, blocks_per_stage, 2),
                (96, blocks_per_stage, 1),
                (192, blocks_per_stage, 2),
                (320, 1, 1),
            ]
        ),
        candidates=mbconv_candidates((3, 5, 7), (3, 6)),
        hidden_channels=scale_width(1280, max(1.0, width_mult)),
        classes=classes,
    )


def cifar_mbconv_space(
    width_mult: float = 1.0, *, blocks_per_stage: int = 3, classes: int = 10, resolution: int = 32
) -> SearchSpace:
    """A space for CIFAR-10 that two CPU cores can search: 9 searched blocks, nets of 2 to 25 million MACs."""
    return _mbconv_space(
        name=_name("cifar-mbconv", width_mult, blocks_per_stage, 3),
        resolution=resolution,
        stem_channels=(scale_width(16, width_mult), scale_width(24, width_mult)),
        stem_strides=(1, 2),
        stages=tuple(
            Stage(width=scale_width(width, width_mult), depth=blocks_per_stage, stride=stride)
            for width, stride in [(24, 1), (48, 2), (96, 2)]
        ),
        candidates=mbconv_candidates((3, 5, 7), (3, 6)),
        hidden_channels=scale_width(384, width_mult),
        classes=classes,
    )


def digits_mbconv_space(
    width_mult: float = 1.0, *, blocks_per_stage: int = 3, classes: int = 10, resolution: int = 16
) -> SearchSpace:
    """The demo's space, for small grey images: 6 searched blocks."""
    return _mbconv_space(
        name=_name("digits-mbconv", width_mult, blocks_per_stage, 3),
        resolution=resolution,
        in_channels=1,
        stem_channels=(scale_width(16, width_mult), scale_width(16, width_mult)),
        stem_strides=(1, 1),
        stages=tuple(
            Stage(width=scale_width(width, width_mult), depth=blocks_per_stage, stride=2) for width in (24, 48)
        ),
        candidates=mbconv_candidates((3, 5, 7), (3, 6)),
        hidden_channels=scale_width(128, width_mult),
        classes=classes,
    )


def _name(kind: str, width_mult: float, blocks_per_stage: int, usual: int) -> str:
    return f"{kind}-{width_mult:g}" + ("" if blocks_per_stage == usual else f"-{blocks_per_stage}")


def _mbconv_space(
    *,
    name: str,
    resolution: int,
    in_channels: int = 3,
    stem_channels: tuple[int, int],
    stem_strides: tuple[int, int],
    stages: tuple[Stage, ...],
    candidates: tuple[OpSpec, ...],
    hidden_channels: int,
    classes: int,
) -> SearchSpace:
    first, second = stem_channels
    return SearchSpace(
        name=name,
        resolution=resolution,
        stem=(
            BlockSpec(op=ConvSpec(kernel_size=3), in_channels=in_channels, out_channels=first, stride=stem_strides[0]),
            BlockSpec(
                op=MBConvSpec(kernel_size=3, expansion=1),
                in_channels=first,
                out_channels=second,
                stride=stem_strides[1],
                residual=first == second and stem_strides[1] == 1,
            ),
        ),
        stages=stages,
        candidates=candidates,
        head=BlockSpec(
            op=ClassifierSpec(hidden_channels=hidden_channels), in_channels=stages[-1].width, out_channels=classes
        ),
    )
