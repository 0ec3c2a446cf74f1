"""A convolution that pads by itself, and which kind a user's convolution is of."""

import copy
from contextlib import suppress
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_ROUNDING = 1e-9
"""More than rounding errors in float64, and less than the effect of any weight."""


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "SAME": ceil(size / stride) outputs, an odd pixel of padding at the end."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        missing = [
            max(0, (ceil(size / step) - 1) * step + spread * (kernel - 1) + 1 - size)
            for size, kernel, step, spread in zip(
                x.shape[2:], self.kernel_size, self.stride, self.dilation, strict=True
            )
        ]
        high, wide = missing
        padded = functional.pad(x, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
        return functional.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def kind_of(module: nn.Module) -> type[nn.Conv2d] | None:
    """`nn.Conv2d` or `SameConv2d`, whichever computes what a module does; None for anything else.

    A subclass of `nn.Conv2d` may use its weights in any way. It is of a kind if it gives the same for random weights
    and images of several sizes.
    """
    if not isinstance(module, nn.Conv2d) or {name for name, _ in module.named_parameters()} - {"weight", "bias"}:
        return None
    if type(module) in (nn.Conv2d, SameConv2d):
        return type(module)
    if module.weight.is_meta:
        return None
    for kind in (nn.Conv2d, SameConv2d):
        with suppress(Exception):  # whatever a class of somebody's raises, or whatever options it has
            if _computes_like(module, kind):
                return kind
    return None


def made_like(conv: nn.Conv2d, kind: type[nn.Conv2d], **changes: Any) -> nn.Conv2d:
    """A convolution of a kind, on the meta device, with the options of another except for the changes."""
    names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")
    options = {name: getattr(conv, name) for name in names} | {"bias": conv.bias is not None} | changes
    return kind(**options, device="meta")


def _computes_like(module: nn.Conv2d, kind: type[nn.Conv2d]) -> bool:
    generator = torch.Generator().manual_seed(0)
    tried = copy.deepcopy(module).cpu().double().requires_grad_(False)
    for parameter in tried.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    twin = made_like(module, kind).to(torch.float64)
    twin.weight, twin.bias = tried.weight, tried.bias
    largest = max(spread * (size - 1) for spread, size in zip(module.dilation, module.kernel_size, strict=True)) + 1
    for size in range(largest, largest + max(2, *module.stride)):
        x = torch.randn(1, module.in_channels, size, size + 1, generator=generator, dtype=torch.float64)
        given, expected = tried(x), twin(x)
        if not isinstance(given, Tensor) or given.shape != expected.shape:
            return False
        if not torch.allclose(given, expected, rtol=_ROUNDING, atol=_ROUNDING):
            return False
    return True
