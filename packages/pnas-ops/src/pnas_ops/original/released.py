"""The five nets that ProxylessNAS released, as architectures.

proxyless_mobile and proxyless_cifar follow the original's own configs. The operations and widths of the others are
those listed in pytorchcv, which loads the original's weights. All five have the published parameters and MACs.

References:
    ProxylessNAS, arXiv 1812.00332.
"""

from typing import Literal, get_args

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.pyramid_nets import pyramid_tree_architecture
from pnas_ops.data.spaces import mbconv_candidates
from pnas_ops.data.specs import ClassifierSpec, ConvSpec, MBConvSpec, OpSpec
from pnas_ops.original.released_trees import released_trees

ReleasedName = Literal["proxyless_mobile", "proxyless_cpu", "proxyless_gpu", "proxyless_mobile_14", "proxyless_cifar"]
"""One of `RELEASED`."""

RELEASED: tuple[ReleasedName, ...] = get_args(ReleasedName)
"""The names that `released` knows."""

# Operations by their names in tables; a row is a stage.
_MOBILE = """
    mb3-5x5 mb3-3x3 skip skip
    mb3-7x7 mb3-3x3 mb3-5x5 mb3-5x5
    mb6-7x7 mb3-5x5 mb3-5x5 mb3-5x5
    mb6-5x5 mb3-5x5 mb3-5x5 mb3-5x5
    mb6-7x7 mb6-7x7 mb3-7x7 mb3-7x7
    mb6-7x7
"""
_CPU = """
    mb6-3x3 mb3-3x3 mb3-3x3 mb3-3x3
    mb6-3x3 mb3-3x3 mb3-3x3 mb3-5x5
    mb6-3x3 skip skip mb3-3x3
    mb6-5x5 mb3-3x3 mb3-3x3 mb3-3x3
    mb6-5x5 mb3-5x5 mb3-5x5 mb3-3x3
    mb6-5x5
"""
_GPU = """
    mb3-5x5 skip skip skip
    mb3-7x7 skip skip mb3-3x3
    mb6-7x7 skip skip mb3-5x5
    mb6-5x5 skip mb3-3x3 mb3-5x5
    mb6-7x7 mb6-7x7 mb6-7x7 mb6-5x5
    mb6-7x7
"""
_STRIDES = (2, 2, 2, 1, 2, 1)


def released(name: ReleasedName) -> Architecture:
    """One of the nets that ProxylessNAS released: four for ImageNet at 224 pixels, one for CIFAR-10.

    Raises:
        ValueError: for a name that is not in `RELEASED`.
    """
    match name:
        case "proxyless_mobile":
            return _mbconv_net(name, _MOBILE, stem=(32, 16), widths=(32, 40, 80, 96, 192, 320), hidden=1280)
        case "proxyless_mobile_14":
            return _mbconv_net(name, _MOBILE, stem=(48, 24), widths=(40, 56, 112, 136, 256, 448), hidden=1792)
        case "proxyless_cpu":
            return _mbconv_net(name, _CPU, stem=(40, 24), widths=(32, 48, 88, 104, 216, 360), hidden=1432)
        case "proxyless_gpu":
            return _mbconv_net(name, _GPU, stem=(40, 24), widths=(32, 56, 112, 128, 256, 432), hidden=1728)
        case "proxyless_cifar":
            return pyramid_tree_architecture(released_trees(), name=name)
    raise ValueError(f"no released net is called {name!r}; there are {', '.join(RELEASED)}")


def _mbconv_net(
    name: str, operations: str, *, stem: tuple[int, int], widths: tuple[int, ...], hidden: int
) -> Architecture:
    candidates = {str(op): op for op in mbconv_candidates((3, 5, 7), (3, 6))}
    first = ConvSpec(kernel_size=3)
    blocks = [BlockSpec(op=first, in_channels=3, out_channels=stem[0], stride=2)]

    def add(op: OpSpec, width: int, stride: int, residual: bool) -> None:
        before = blocks[-1].out_channels
        blocks.append(BlockSpec(op=op, in_channels=before, out_channels=width, stride=stride, residual=residual))

    add(MBConvSpec(kernel_size=3, expansion=1), stem[1], 1, residual=False)
    for row, width, stride in zip(operations.strip().splitlines(), widths, _STRIDES, strict=True):
        for index, op in enumerate(row.split()):
            # The first block of a stage changes the width, so only the others have a shortcut.
            add(candidates[op], width, stride if index == 0 else 1, residual=index > 0)
    add(ClassifierSpec(hidden_channels=hidden), 1000, 1, residual=False)
    return Architecture(name=name, resolution=224, blocks=tuple(blocks))
