"""The modules that the specs describe. Shapes: N images, C channels, H x W pixels."""

from functools import partial

import torch
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

# eps and momentum are the original's: they matter to anyone who loads its weights.
Conv = partial(
    Conv2dNormActivation,
    norm_layer=partial(nn.BatchNorm2d, eps=1e-3, momentum=0.1),
    activation_layer=nn.ReLU6,
)
"""Convolution, BatchNorm, ReLU6: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""


class MBConv(nn.Sequential):
    """Inverted bottleneck, without its shortcut: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int, expansion: int, stride: int) -> None:
        hidden = in_channels * expansion
        expand = [Conv(in_channels, hidden, 1)] if expansion > 1 else []
        super().__init__(
            *expand,
            Conv(hidden, hidden, kernel_size, stride, groups=hidden),
            Conv(hidden, out_channels, 1, activation_layer=None),
        )


class Zero(nn.Module):
    """Zeros of the shape of the input."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


class Classifier(nn.Sequential):
    """Convolution 1x1, global average pool, linear layer: (N, in, H, W) to (N, classes)."""

    def __init__(self, in_channels: int, classes: int, *, hidden_channels: int) -> None:
        super().__init__(
            Conv(in_channels, hidden_channels, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(hidden_channels, classes),
        )


class Block(nn.Module):
    """`op(x)`, or `x + op(x)` where residual; a residual block of `Zero` is its shortcut alone."""

    def __init__(self, op: nn.Module, *, residual: bool) -> None:
        super().__init__()
        self.op = op
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        if not self.residual:
            return self.op(x)  # type: ignore[no-any-return]
        # Adding the zeros would leave an operation in every exported file.
        return x if isinstance(self.op, Zero) else x + self.op(x)
