"""The modules of PyramidNet with trees in its bottlenecks. Shapes: N images, C channels, H x W pixels.

BatchNorm has PyTorch's own eps, 1e-5, which the weights of the original's CIFAR-10 net need. The mobile nets have 1e-3.

References:
    PyramidNet, arXiv 1610.02915. The trees: Cai et al., arXiv 1806.02639; ProxylessNAS, section 4.1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pnas_ops.modules.layers import depthwise_conv


def linear_conv(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Sequential:
    """Convolution, BatchNorm: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
    # Late, as in `layers`.
    from torchvision.ops import Conv2dNormActivation

    conv: nn.Sequential = Conv2dNormActivation(in_channels, out_channels, kernel_size, stride, activation_layer=None)
    return conv


class PreActivationConv(nn.Sequential):
    """BatchNorm, ReLU if asked, convolution, and a shuffle of its groups.

    (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int,
        stride: int = 1,
        groups: int = 1,
        activation: bool = True,
    ) -> None:
        relu = [nn.ReLU(inplace=True)] if activation else []
        shuffle = [nn.ChannelShuffle(groups)] if groups > 1 else []
        super().__init__(
            nn.BatchNorm2d(in_channels),
            *relu,
            nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, groups=groups, bias=False),
            *shuffle,
        )


class PreActivationSeparableConv(nn.Sequential):
    """BatchNorm, ReLU, depthwise convolution, 1x1: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
            depthwise_conv(in_channels, kernel_size, stride, dilation=dilation),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
        )


class Tree(nn.Module):
    """A binary tree whose nodes copy their input to two edges and add their outputs: (N, C, H, W) to the same.

    Args:
        edges: 2, 6, 14, ... modules that keep the shape, level by level. Any module will do, also a mixture.
    """

    def __init__(self, edges: Sequence[nn.Module]) -> None:
        super().__init__()
        self.edges = nn.ModuleList(edges)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return self._node(0, x)

    def _node(self, number: int, x: Tensor) -> Tensor:
        # Nodes are numbered level by level: node n has the edges 2 n and 2 n + 1, and edge e ends at node e + 1.
        first = 2 * number
        if first >= len(self.edges):
            return x
        left, right = (self._node(edge + 1, self.edges[edge](x)) for edge in (first, first + 1))
        return left + right


class TreeCell(nn.Module):
    """A grouped convolution that doubles the channels, and a tree for each half of them, the halves added.

    (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride)).

    Args:
        channels: C.
        edges: the edges of the first half's tree, then the second's; see `Tree`.
        stride: of the convolution.
    """

    def __init__(self, channels: int, edges: Sequence[nn.Module], *, stride: int = 1) -> None:
        super().__init__()
        half = len(edges) // 2
        self.channels = channels
        self.widen = PreActivationConv(channels, 2 * channels, kernel_size=3, stride=stride, groups=2)
        self.trees = nn.ModuleList(Tree(part) for part in (edges[:half], edges[half:]))
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride))."""
        wide = self.widen(x)
        # Slices, not chunks, which return a tuple: tracing then sees only tensors.
        first, second = wide[:, : self.channels], wide[:, self.channels :]
        return self._branch(0, first) + self._branch(1, second)

    def _branch(self, index: int, half: Tensor) -> Tensor:
        result: Tensor = half + self.norms[index](self.trees[index](half))
        return result


class TreeBlock(nn.Module):
    """A pre-activation bottleneck around a `TreeCell`, and its shortcut.

    (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: of the input.
        out_channels: at least as many.
        hidden_channels: of the cell, and of every edge.
        edges: see `TreeCell`.
        stride: of the cell.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        hidden_channels: int,
        edges: Sequence[nn.Module],
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            PreActivationConv(in_channels, hidden_channels, kernel_size=1, activation=False),
            TreeCell(hidden_channels, edges, stride=stride),
            PreActivationConv(hidden_channels, out_channels, kernel_size=1),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        self.in_channels = in_channels
        self.grows = out_channels > in_channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        kept: Tensor = self.shortcut(x)
        change: Tensor = self.body(x)
        if self.grows:
            # Not F.pad: in TFLite's layout it costs four transposes.
            kept = torch.cat([kept, torch.zeros_like(change[:, self.in_channels :])], dim=1)
        return kept + change
