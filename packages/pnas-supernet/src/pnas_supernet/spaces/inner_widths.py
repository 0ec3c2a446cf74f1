"""Blocks with narrower hidden layers."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from pnas_supernet.spaces.blocks import variants, whole_channels, widths_of_block
from pnas_supernet.spaces.kernels import checked_sizes
from pnas_supernet.spaces.recording import running
from pnas_supernet.spaces.rules import Rule


def inner_widths(*, ratios: Iterable[float] = (0.25, 0.5, 0.75), kernel_sizes: Iterable[int] = ()) -> Rule:
    """Every width, and every kernel size with it, at each block that has hidden channels: "w0.5", "3x3 w0.5".

    Such channels are inside a ResNet's residual block or bottleneck, an inverted residual, or between the two linear
    layers of a ConvNeXt block. A block and its shortcut are one place. The most important channels are kept; kernels
    are cropped or padded with zeros.

    Args:
        ratios: of the present channels; include 1 to change kernels alone.
        kernel_sizes: of the convolutions that are not 1x1, odd; empty to keep the present ones.
    """
    sizes, shares = checked_sizes(kernel_sizes), tuple(ratios)

    def rule(path: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> Mapping[str, nn.Module] | None:
        widths = widths_of_block(module, inputs)
        choices = {
            f"w{share:g}": {width: whole_channels(width.channels * share) for width in widths} for share in shares
        }
        return running(variants(module, kernel_sizes=sizes, widths=choices), inputs) if widths else None

    return rule
