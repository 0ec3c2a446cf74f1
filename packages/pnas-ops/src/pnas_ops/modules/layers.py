"""The modules that the specs describe. Shapes: N images, C channels, H x W pixels."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pnas_ops.data.spaces import scale_width
from pnas_ops.data.specs import SqueezeSource


def conv_norm(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    *,
    dilation: int = 1,
    groups: int = 1,
    activation: type[nn.Module] | None = nn.ReLU6,
) -> nn.Sequential:
    """Convolution, BatchNorm, activation: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
    # Late: torchvision takes longer to import than everything else here together.
    from torchvision.ops import Conv2dNormActivation

    conv: nn.Sequential = Conv2dNormActivation(
        in_channels,
        out_channels,
        kernel_size,
        stride,
        dilation=dilation,
        groups=groups,
        # eps and momentum are the original's, which its weights need.
        norm_layer=partial(nn.BatchNorm2d, eps=1e-3, momentum=0.1),
        activation_layer=activation,
    )
    return conv


def depthwise_conv(channels: int, kernel_size: int, stride: int = 1, *, dilation: int = 1) -> nn.Conv2d:
    """A convolution of each channel alone, without bias: (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride))."""
    padding = (kernel_size - 1) // 2 * dilation
    return nn.Conv2d(channels, channels, kernel_size, stride, padding, dilation=dilation, groups=channels, bias=False)


class SeparableConv(nn.Sequential):
    """Depthwise convolution, then `conv_norm` 1x1: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__(
            depthwise_conv(in_channels, kernel_size, stride, dilation=dilation),
            conv_norm(in_channels, out_channels, 1),
        )


class GroupedConv(nn.Sequential):
    """`conv_norm` in groups, then interleaved: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int, groups: int, shuffle: bool, stride: int = 1
    ) -> None:
        interleave = [nn.ChannelShuffle(groups)] if shuffle else []
        super().__init__(conv_norm(in_channels, out_channels, kernel_size, stride, groups=groups), *interleave)


class Bottleneck(nn.Sequential):
    """Bottleneck, without its shortcut: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        hidden_channels: int,
        kernel_size: int,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] = nn.ReLU6,
    ) -> None:
        hidden = hidden_channels
        super().__init__(
            conv_norm(in_channels, hidden, 1, activation=activation),
            conv_norm(hidden, hidden, kernel_size, stride, groups=groups, activation=activation),
            conv_norm(hidden, out_channels, 1, activation=None),
        )


class BasicBlock(nn.Sequential):
    """Two convolutions, without their shortcut: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int,
        stride: int = 1,
        activation: type[nn.Module] = nn.ReLU6,
    ) -> None:
        super().__init__(
            conv_norm(in_channels, out_channels, kernel_size, stride, activation=activation),
            conv_norm(out_channels, out_channels, kernel_size, activation=None),
        )


class Shortcut(nn.Module):
    """`activation(body(x) + x)`, with x through a convolution 1x1 and BatchNorm where the body changes its shape.

    (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)).

    Args:
        body: the other term of the sum.
        in_channels, out_channels, stride: of the body.
        activation: applied to the sum.
    """

    def __init__(
        self, body: nn.Module, in_channels: int, out_channels: int, *, stride: int, activation: type[nn.Module]
    ) -> None:
        super().__init__()
        keeps_shape = stride == 1 and in_channels == out_channels
        self.body = body
        self.shortcut = (
            nn.Identity() if keeps_shape else conv_norm(in_channels, out_channels, 1, stride, activation=None)
        )
        self.activation = activation()

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        result: Tensor = self.activation(self.body(x) + self.shortcut(x))
        return result


class MBConv(nn.Sequential):
    """Inverted bottleneck, without its shortcut: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int,
        expansion: int,
        stride: int,
        squeeze_excitation: bool = False,
        activation: type[nn.Module] = nn.ReLU6,
        squeeze_from: SqueezeSource = "hidden",
    ) -> None:
        hidden = in_channels * expansion
        expand = [conv_norm(in_channels, hidden, 1, activation=activation)] if expansion > 1 else []
        gate = []
        if squeeze_excitation and squeeze_from == "hidden":
            # A quarter, rounded as MobileNetV3 rounds it.
            gate = [_squeeze_excitation(hidden, scale_width(hidden // 4, 1.0), scale_activation=nn.Hardsigmoid)]
        elif squeeze_excitation:
            gate = [_squeeze_excitation(hidden, max(1, in_channels // 4), activation=activation)]
        super().__init__(
            *expand,
            conv_norm(hidden, hidden, kernel_size, stride, groups=hidden, activation=activation),
            *gate,
            conv_norm(hidden, out_channels, 1, activation=None),
        )


def _squeeze_excitation(channels: int, squeezed: int, **activations: Any) -> nn.Module:
    from torchvision.ops import SqueezeExcitation

    gate: nn.Module = SqueezeExcitation(channels, squeezed, **activations)
    return gate


class AveragePool(nn.Sequential):
    """Mean of those pixels under the kernel that exist: (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride))."""

    def __init__(self, kernel_size: int, *, stride: int = 1) -> None:
        # TFLite has no operator for a strided average that leaves out the padding; this is equal, and has two.
        subsample = [nn.MaxPool2d(1, stride)] if stride > 1 else []
        super().__init__(nn.AvgPool2d(kernel_size, 1, kernel_size // 2, count_include_pad=False), *subsample)


class Zero(nn.Module):
    """Zeros of the shape of the input."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return torch.zeros_like(x)


class Classifier(nn.Sequential):
    """Convolution 1x1 (if hidden channels), global average pool, linear layer: (N, in, H, W) to (N, classes).

    With `pre_activation`, BatchNorm (with the eps of pre-activation nets) and ReLU come first.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        hidden_channels: int | None,
        pre_activation: bool = False,
        activation: type[nn.Module] = nn.ReLU6,
    ) -> None:
        before: list[nn.Module] = [nn.BatchNorm2d(in_channels), nn.ReLU()] if pre_activation else []
        conv = [] if hidden_channels is None else [conv_norm(in_channels, hidden_channels, 1, activation=activation)]
        super().__init__(
            *before,
            *conv,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(hidden_channels or in_channels, classes),
        )


class Block(nn.Module):
    """`op(x)`, or `x + op(x)` where residual; a residual block of `Zero` is its shortcut alone."""

    def __init__(self, op: nn.Module, *, residual: bool) -> None:
        super().__init__()
        self.op = op
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """The input of `op` to its output; of the same shape if residual."""
        if not self.residual:
            return self.op(x)  # type: ignore[no-any-return]
        # Adding the zeros would leave an operation in every exported file.
        return x if isinstance(self.op, Zero) else x + self.op(x)
