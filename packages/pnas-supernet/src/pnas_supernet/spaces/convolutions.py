"""Convolutions with other kernels and groups."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from pnas_supernet.spaces.kernels import checked_sizes, is_plain_convolution, same_kernel, with_groups, with_kernel
from pnas_supernet.spaces.recording import running
from pnas_supernet.spaces.rules import Rule


def convolutions(*, kernel_sizes: Iterable[int] = (), groups: Iterable[int] = ()) -> Rule:
    """Every kernel size with every number of groups at each convolution: "3x3", "g2", "3x3 g2".

    Kernels are cropped or padded with zeros. They change only if they are square, odd, larger than 1 and padded by
    half. Groups keep the weights between channels of the same group. They apply only to convolutions without groups
    whose channels they divide. What does not run is left out: padding cannot mirror more than the image.

    Args:
        kernel_sizes: odd.
        groups: 2 or more.
    """
    sizes, divisors = checked_sizes(kernel_sizes), tuple(groups)
    if not sizes and not divisors:
        raise ValueError("convolutions() changes nothing: pass kernel_sizes=... or groups=...")

    def rule(path: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> Mapping[str, nn.Module] | None:
        if len(inputs) != 1 or not is_plain_convolution(module):
            return None
        kernels = {"": module}
        if (own := same_kernel(module)) is not None and own > 1:
            kernels |= {f"{size}x{size}": with_kernel(module, size) for size in sizes if size != own}
        found: dict[str, nn.Module] = dict(kernels)
        for title, conv in kernels.items():
            for divisor in divisors:
                if conv.groups == 1 and conv.in_channels % divisor == conv.out_channels % divisor == 0:
                    found[f"{title} g{divisor}".strip()] = with_groups(conv, divisor)
        del found[""]
        return running(found, inputs)

    return rule
