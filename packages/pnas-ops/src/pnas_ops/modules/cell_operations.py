"""The modules of the operations that cells are made of. Shapes: N images, C channels, H x W pixels.

BatchNorm has PyTorch's own eps, 1e-5, as in DARTS and NAS-Bench-201.
"""

import torch
from torch import Tensor, nn

from pnas_ops.modules.layers import depthwise_conv


class ReluConv(nn.Sequential):
    """ReLU, convolution, BatchNorm: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int, stride: int = 1) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False),
            nn.BatchNorm2d(out_channels),
        )


class ReluSeparableConv(nn.Sequential):
    """ReLU, depthwise, 1x1, BatchNorm, several times: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)).

    The stride is in the first depthwise convolution, the output channels come with the last 1x1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int,
        dilation: int = 1,
        repeats: int = 1,
        stride: int = 1,
    ) -> None:
        layers: list[nn.Module] = []
        for number in range(repeats):
            following = out_channels if number == repeats - 1 else in_channels
            layers += [
                nn.ReLU(),
                depthwise_conv(in_channels, kernel_size, stride if number == 0 else 1, dilation=dilation),
                nn.Conv2d(in_channels, following, 1, bias=False),
                nn.BatchNorm2d(following),
            ]
        super().__init__(*layers)


class FactorizedReduce(nn.Module):
    """Two strided convolutions 1x1, each on every fourth pixel: (N, in, H, W) to (N, out, H / 2, W / 2)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.convs = nn.ModuleList(nn.Conv2d(in_channels, out_channels // 2, 1, 2, bias=False) for _ in range(2))
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, H / 2, W / 2), for even H and W."""
        x = self.relu(x)
        halves = [self.convs[0](x), self.convs[1](x[:, :, 1:, 1:])]
        return self.norm(torch.cat(halves, dim=1))  # type: ignore[no-any-return]


class ResidualReduction(nn.Module):
    """Two `ReluConv` 3x3, and a shortcut: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ReluConv(in_channels, out_channels, kernel_size=3, stride=stride),
            ReluConv(out_channels, out_channels, kernel_size=3),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(stride, ceil_mode=True), nn.Conv2d(in_channels, out_channels, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        kept: Tensor = self.shortcut(x)
        change: Tensor = self.body(x)
        return kept + change


class Nothing(nn.Module):
    """Zeros: (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride))."""

    def __init__(self, *, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride))."""
        return torch.zeros_like(x if self.stride == 1 else x[:, :, :: self.stride, :: self.stride])
