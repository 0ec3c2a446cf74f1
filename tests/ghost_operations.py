"""An operation of a user's own, as tests give it to programs."""

import torch
from attrs import field, frozen
from torch import Tensor, nn

from pnas_ops import OwnOperation


@frozen(kw_only=True)
class GhostSpec(OwnOperation):
    """Half of the channels by a convolution, the others from them by a depthwise one (GhostNet)."""

    kernel_size: int = field(default=3)
    scale: float = 1.0

    @property
    def name(self) -> str:
        return f"ghost-{self.kernel_size}x{self.kernel_size}"

    def build(self, *, in_channels: int, out_channels: int, stride: int) -> nn.Module:
        return Ghost(in_channels, out_channels, self.kernel_size, stride)

    def misfit(self, in_channels: int, out_channels: int, *, stride: int, residual: bool) -> str | None:
        return "needs an even number of output channels" if out_channels % 2 else None


class Ghost(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        half = out_channels // 2
        self.first = nn.Sequential(nn.Conv2d(in_channels, half, 1, stride, bias=False), nn.BatchNorm2d(half), nn.ReLU())
        self.second = nn.Conv2d(half, half, kernel_size, padding=kernel_size // 2, groups=half)
        self.scale = nn.Parameter(torch.randn(1, out_channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        half = self.first(x)
        return torch.cat([half, self.second(half)], dim=1) * self.scale
