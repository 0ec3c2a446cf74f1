"""The blocks of both ShuffleNets. Shapes: N images, C channels, H x W pixels.

References:
    ShuffleNet, arXiv 1707.01083, figure 2. ShuffleNetV2, arXiv 1807.11164, figure 3.
"""

import torch
from torch import Tensor, nn

from pnas_ops.modules.layers import AveragePool, conv_norm


class ShuffleUnitV1(nn.Module):
    """Grouped 1x1 convolutions around a depthwise one, shuffled after the first; the input is added or concatenated.

    (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)). Where the shape changes, the first `in` channels are
    the input, averaged over those of 3x3 pixels that the image has.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int,
        groups: int,
        stride: int,
        activation: type[nn.Module],
    ) -> None:
        super().__init__()
        keeps_shape = stride == 1 and in_channels == out_channels
        hidden, computed = out_channels // 4, out_channels if keeps_shape else out_channels - in_channels
        shuffle = [nn.ChannelShuffle(groups)] if groups > 1 else []
        self.body = nn.Sequential(
            conv_norm(in_channels, hidden, 1, groups=groups, activation=activation),
            *shuffle,
            conv_norm(hidden, hidden, kernel_size, stride, groups=hidden, activation=None),
            conv_norm(hidden, computed, 1, groups=groups, activation=None),
        )
        self.shortcut = None if keeps_shape else AveragePool(3, stride=stride)
        self.activation = activation()

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        computed = self.body(x)
        joined = x + computed if self.shortcut is None else torch.cat([self.shortcut(x), computed], dim=1)
        result: Tensor = self.activation(joined)
        return result


class ShuffleUnitV2(nn.Module):
    """Half of the channels unchanged, half convolved; where the shape changes, each half is convolved from all.

    (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)), the halves shuffled.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int, stride: int, activation: type[nn.Module]
    ) -> None:
        super().__init__()
        half = out_channels // 2
        self.kept = half if stride == 1 and in_channels == out_channels else 0
        self.shortcut = (
            nn.Identity()
            if self.kept
            else nn.Sequential(
                conv_norm(in_channels, in_channels, kernel_size, stride, groups=in_channels, activation=None),
                conv_norm(in_channels, half, 1, activation=activation),
            )
        )
        self.body = nn.Sequential(
            conv_norm(in_channels - self.kept, half, 1, activation=activation),
            conv_norm(half, half, kernel_size, stride, groups=half, activation=None),
            conv_norm(half, half, 1, activation=activation),
        )
        self.shuffle = nn.ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        # Slices, not chunks, which return a tuple: tracing then sees only tensors.
        first, second = (x[:, : self.kept], x[:, self.kept :]) if self.kept else (x, x)
        result: Tensor = self.shuffle(torch.cat([self.shortcut(first), self.body(second)], dim=1))
        return result
