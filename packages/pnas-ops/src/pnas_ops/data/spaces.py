"""Named search spaces."""

from collections.abc import Mapping, Sequence
from math import prod
from types import MappingProxyType

from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.network_space import NetworkSpace
from pnas_ops.data.network_stage import NetworkStage
from pnas_ops.data.space import SearchSpace, Stage, space_name
from pnas_ops.data.specs import ClassifierSpec, ConvSpec, LinearConvSpec, MBConvSpec, OpSpec, ZeroSpec


def scale_width(channels: int, width_mult: float, *, unit: int = 8) -> int:
    """`channels * width_mult` to the nearest multiple of `unit`, never below 90% of it (MobileNetV2's rule)."""
    wanted = channels * width_mult
    rounded = max(unit, int(wanted + unit / 2) // unit * unit)
    return rounded + unit if rounded < 0.9 * wanted else rounded


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
        name=space_name("imagenet-mbconv", width_mult, blocks_per_stage, 4),
        resolution=resolution,
        stem_channels=(scale_width(32, width_mult), scale_width(16, width_mult)),
        stem_strides=(2, 1),
        stages=_imagenet_stages(width_mult, blocks_per_stage),
        candidates=mbconv_candidates((3, 5, 7), (3, 6)),
        hidden_channels=scale_width(1280, max(1.0, width_mult)),
        classes=classes,
    )


def mcunet_space(
    width_mult: float = 0.5, *, blocks_per_stage: int = 4, classes: int = 1000, resolution: int = 144
) -> SearchSpace:
    """TinyNAS's space of one width and resolution, for microcontrollers (MCUNet, arXiv 2007.10319).

    It has ProxylessNAS's stages and channels, with kernels 3, 5, 7 and expansions 3, 4, 6 as in Once-for-All. It lacks
    the convolution before the last pool, whose weights take much of the flash memory. In MCUNet a stage has its first
    2, 3 or 4 blocks; here each block but the first may be skipped.
    """
    return _mbconv_space(
        name=space_name("mcunet", width_mult, blocks_per_stage, 4),
        resolution=resolution,
        stem_channels=(scale_width(32, width_mult), scale_width(16, width_mult)),
        stem_strides=(2, 1),
        stages=_imagenet_stages(width_mult, blocks_per_stage),
        candidates=mbconv_candidates((3, 5, 7), (3, 4, 6)),
        hidden_channels=None,
        classes=classes,
    )


MCUNET_MEAN_MACS: Mapping[tuple[float, int], float] = MappingProxyType(
    {
        (0.3, 160): 32.5e6,
        (0.4, 112): 32.4e6,
        (0.4, 128): 39.3e6,
        (0.4, 144): 46.9e6,
        (0.5, 112): 38.3e6,
        (0.5, 128): 46.9e6,
        (0.5, 144): 52.0e6,
        (0.6, 112): 41.3e6,
        (0.7, 96): 31.4e6,
        (0.7, 112): 38.4e6,
    }
)
"""The ten spaces that MCUNet compares, by width multiplier and resolution, with the mean MACs that it found for their
nets within 320 KB of SRAM and 1 MB of flash memory (arXiv 2007.10319; 100 classes of ImageNet, memory as needed by its
own engine).
"""


def cifar_mbconv_space(
    width_mult: float = 1.0, *, blocks_per_stage: int = 3, classes: int = 10, resolution: int = 32
) -> SearchSpace:
    """A space for CIFAR-10 that two CPU cores can search: 9 searched blocks, nets of 2 to 25 million MACs."""
    return _mbconv_space(
        name=space_name("cifar-mbconv", width_mult, blocks_per_stage, 3),
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


def nas_bench_macro_space(
    width_mult: float = 1.0, *, blocks_per_stage: int = 3, classes: int = 10, resolution: int = 32
) -> SearchSpace:
    """The space of NAS-Bench-MACRO (Su et al., arXiv 2103.11922), all 6,561 nets of which were trained by its authors.

    At each of eight blocks, option 0 skips it (where the shape changes, it is a convolution 1x1 and BatchNorm), option
    1 is an MBConv of kernel 3 and expansion 3, and option 2 one of kernel 5 and expansion 6. A net's name in the
    benchmark is its eight choices. The first stage has one block fewer than the others.
    """
    computing = tuple(
        MBConvSpec(kernel_size=kernel, expansion=expansion, activation="relu") for kernel, expansion in ((3, 3), (5, 6))
    )
    depths = (max(1, blocks_per_stage - 1), blocks_per_stage, blocks_per_stage)
    stem, *widths = (scale_width(width, width_mult) for width in (32, 64, 128, 256))
    return SearchSpace(
        name=space_name("nas-bench-macro", width_mult, blocks_per_stage, 3),
        resolution=resolution,
        stem=(BlockSpec(op=ConvSpec(kernel_size=3, activation="relu"), in_channels=3, out_channels=stem),),
        stages=tuple(Stage(width=width, depth=depth, stride=2) for width, depth in zip(widths, depths, strict=True)),
        candidates=(ZeroSpec(), *computing),
        reducing_candidates=(LinearConvSpec(kernel_size=1), *computing),
        head=BlockSpec(
            op=ClassifierSpec(hidden_channels=scale_width(1280, max(1.0, width_mult)), activation="relu"),
            in_channels=widths[-1],
            out_channels=classes,
        ),
    )


def digits_mbconv_space(
    width_mult: float = 1.0, *, blocks_per_stage: int = 3, classes: int = 10, resolution: int = 16
) -> SearchSpace:
    """The demo's space, for small grey images: 6 searched blocks."""
    return _mbconv_space(
        name=space_name("digits-mbconv", width_mult, blocks_per_stage, 3),
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


def cifar_network_space(
    width_mult: float = 1.0, *, blocks_per_stage: int = 3, classes: int = 10, resolution: int = 32
) -> NetworkSpace:
    """A network-level space for CIFAR-10: stages of two widths and any depth, at two resolutions.

    Args:
        width_mult: of all widths.
        blocks_per_stage: the largest depth.
        classes: of the images.
        resolution: the larger one, in pixels; the other is about three quarters of it, a multiple of the strides.
    """
    return _network_space(
        name=space_name("cifar-network", width_mult, blocks_per_stage, 3),
        resolution=resolution,
        stem_channels=(scale_width(16, width_mult), scale_width(24, width_mult)),
        stem_strides=(1, 2),
        stages=[
            _network_stage(widths, width_mult, blocks_per_stage, stride)
            for widths, stride in [((16, 24), 1), ((32, 48), 2), ((64, 96), 2)]
        ],
        hidden_channels=scale_width(384, width_mult),
        classes=classes,
    )


def digits_network_space(
    width_mult: float = 1.0, *, blocks_per_stage: int = 2, classes: int = 10, resolution: int = 16
) -> NetworkSpace:
    """A network-level space for small grey images: two stages.

    Args:
        width_mult, blocks_per_stage, classes, resolution: as `cifar_network_space` takes them.
    """
    return _network_space(
        name=space_name("digits-network", width_mult, blocks_per_stage, 2),
        resolution=resolution,
        in_channels=1,
        stem_channels=(scale_width(16, width_mult), scale_width(16, width_mult)),
        stem_strides=(1, 1),
        stages=[_network_stage(widths, width_mult, blocks_per_stage, 2) for widths in ((16, 24), (32, 48))],
        hidden_channels=scale_width(128, width_mult),
        classes=classes,
    )


def _imagenet_stages(width_mult: float, blocks_per_stage: int) -> tuple[Stage, ...]:
    """The original's stages; the last has one block, whatever the number in the others."""
    widths, strides = (24, 40, 80, 96, 192, 320), (2, 2, 2, 1, 2, 1)
    depths = (*[blocks_per_stage] * 5, 1)
    return tuple(
        Stage(width=scale_width(width, width_mult), depth=depth, stride=stride)
        for width, depth, stride in zip(widths, depths, strides, strict=True)
    )


def _mbconv_space(
    *,
    name: str,
    resolution: int,
    in_channels: int = 3,
    stem_channels: tuple[int, int],
    stem_strides: tuple[int, int],
    stages: tuple[Stage, ...],
    candidates: tuple[OpSpec, ...],
    hidden_channels: int | None,
    classes: int,
) -> SearchSpace:
    return SearchSpace(
        name=name,
        resolution=resolution,
        stem=_stem(in_channels, stem_channels, stem_strides),
        stages=stages,
        candidates=candidates,
        head=BlockSpec(
            op=ClassifierSpec(hidden_channels=hidden_channels), in_channels=stages[-1].width, out_channels=classes
        ),
    )


def _network_space(
    *,
    name: str,
    resolution: int,
    in_channels: int = 3,
    stem_channels: tuple[int, int],
    stem_strides: tuple[int, int],
    stages: Sequence[NetworkStage],
    hidden_channels: int,
    classes: int,
) -> NetworkSpace:
    stride = prod(stem_strides) * prod(stage.stride for stage in stages)
    smaller = resolution * 3 // 4 // stride * stride
    return NetworkSpace(
        name=name,
        resolutions=(smaller, resolution) if smaller else (resolution,),
        stem=_stem(in_channels, stem_channels, stem_strides),
        stages=tuple(stages),
        candidates=tuple(MBConvSpec(kernel_size=k, expansion=e) for e in (3, 6) for k in (3, 5, 7)),
        head=BlockSpec(
            op=ClassifierSpec(hidden_channels=hidden_channels), in_channels=stages[-1].widths[-1], out_channels=classes
        ),
    )


def _network_stage(widths: Sequence[int], width_mult: float, depth: int, stride: int) -> NetworkStage:
    scaled = sorted({scale_width(width, width_mult) for width in widths})
    return NetworkStage(widths=tuple(scaled), depths=tuple(range(1, depth + 1)), stride=stride)


def _stem(in_channels: int, channels: tuple[int, int], strides: tuple[int, int]) -> tuple[BlockSpec, ...]:
    first, second = channels
    return (
        BlockSpec(op=ConvSpec(kernel_size=3), in_channels=in_channels, out_channels=first, stride=strides[0]),
        BlockSpec(
            op=MBConvSpec(kernel_size=3, expansion=1),
            in_channels=first,
            out_channels=second,
            stride=strides[1],
            residual=first == second and strides[1] == 1,
        ),
    )
