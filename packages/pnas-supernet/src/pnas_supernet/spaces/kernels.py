"""Convolutions with another kernel or other groups, initialized from the present weights."""

from collections.abc import Iterable
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional

from pnas_supernet.spaces.same_padding import kind_of, made_like


def checked_sizes(kernel_sizes: Iterable[int]) -> tuple[int, ...]:
    """The kernel sizes given to a rule; refuses even ones, which have no center."""
    sizes = tuple(kernel_sizes)
    if wrong := [size for size in sizes if size < 1 or size % 2 == 0]:
        raise ValueError(f"a kernel size is an odd number from 1 on, got {wrong[0]}")
    return sizes


def is_plain_convolution(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether it is a two-dimensional convolution with weights of its own, padded as PyTorch or TensorFlow does."""
    return kind_of(module) is not None


def same_kernel(module: nn.Module) -> int | None:
    """The kernel size of a convolution with a square, odd kernel and half of it as padding; None for anything else.

    Any other such kernel size gives outputs of the same shape, whatever the stride. So does any that pads by itself.
    """
    if not is_plain_convolution(module):
        return None
    height, width = module.kernel_size
    keeps = _pads_itself(module) or module.padding == _half(module, height)
    return height if height == width and height % 2 and keeps else None


def with_kernel(conv: nn.Conv2d, kernel_size: int) -> nn.Conv2d:
    """The convolution with a smaller kernel, the center of its own, or a larger one, its own padded with zeros.

    With a larger one the outputs are the same at first. See `same_kernel` for the convolutions that it takes.
    """
    frame = (kernel_size - conv.kernel_size[0]) // 2
    # A negative frame crops.
    weight = functional.pad(conv.weight.detach(), (frame, frame, frame, frame))
    return rebuilt(conv, weight, padding=None if _pads_itself(conv) else _half(conv, kernel_size))


def _half(conv: nn.Conv2d, kernel_size: int) -> tuple[int, int]:
    return conv.dilation[0] * (kernel_size // 2), conv.dilation[1] * (kernel_size // 2)


def _pads_itself(conv: nn.Conv2d) -> bool:
    return conv.padding == "same" or kind_of(conv) is not nn.Conv2d


def with_groups(conv: nn.Conv2d, groups: int) -> nn.Conv2d:
    """A convolution without groups divided into groups, with the weights between channels of the same group."""
    rows = conv.weight.detach().chunk(groups, dim=0)
    blocks = [row.chunk(groups, dim=1)[group] for group, row in enumerate(rows)]
    return rebuilt(conv, torch.cat(blocks), groups=groups)


def rebuilt(
    conv: nn.Conv2d,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    groups: int | None = None,
    padding: tuple[int, int] | None = None,
) -> nn.Conv2d:
    """The convolution with another weight, whose shape gives its channels and its kernel.

    Args:
        conv: gives everything else.
        weight: (out, in / groups, height, width).
        bias: (out); the convolution's own if None.
        groups: the convolution's if None.
        padding: likewise.
    """
    groups = conv.groups if groups is None else groups
    bias = conv.bias if bias is None else bias
    # Without values at first, so that no weights are drawn in vain.
    made = made_like(
        conv,
        kind_of(conv) or nn.Conv2d,
        in_channels=weight.shape[1] * groups,
        out_channels=weight.shape[0],
        kernel_size=tuple(weight.shape[2:]),
        groups=groups,
        padding=conv.padding if padding is None else padding,
    )
    made.weight = nn.Parameter(weight.detach().clone(), requires_grad=conv.weight.requires_grad)
    if bias is not None and conv.bias is not None:
        made.bias = nn.Parameter(bias.detach().clone(), requires_grad=conv.bias.requires_grad)
    return made.train(conv.training)
