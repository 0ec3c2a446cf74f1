"""Blocks that are narrower inside."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from pnas_supernet.spaces.blocks import variants, whole_channels, widths_of_block
from pnas_supernet.spaces.kernels import checked_sizes
from pnas_supernet.spaces.rules import Rule


def inner_widths(*, ratios: Iterable[float] = (0.25, 0.5, 0.75), kernel_sizes: Iterable[int] = ()) -> Rule:
    """Every width, and every kernel size with it, at each block that has channels of its own: "w0.5", "3x3 w0.5".

    Those of a residual block or a bottleneck of a ResNet, of an inverted residual, of the two linear layers of a
    ConvNeXt block. A block with a shortcut is one place with it. The channels kept are those that count most, kernels
    are cropped or framed with zeros.

    Args:
        ratios: of the channels that there are; 1 where kernels may change alone.
        kernel_sizes: of the convolutions that are not 1x1, odd; none for those that there are.
    """
    sizes, shares = checked_sizes(kernel_sizes), tuple(ratios)

    def rule(path: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> Mapping[str, nn.Module] | None:
        widths = widths_of_block(module, inputs)
        choices = {
            f"w{share:g}": {width: whole_channels(width.channels * share) for width in widths} for share in shares
        }
        return variants(module, kernel_sizes=sizes, widths=choices) if widths else None

    return rule
