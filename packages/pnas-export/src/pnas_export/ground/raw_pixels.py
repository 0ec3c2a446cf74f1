"""A net that does its own preprocessing."""

from typing import Any

from torch import Tensor, nn

from pnas_ops import Preprocessing


class RawPixels(nn.Module):
    """A net that takes raw pixels, as from a camera, uint8 (N, C, H, W): its first layer is its preprocessing."""

    def __init__(self, net: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.net = net
        self.preprocessing = preprocessing

    def forward(self, pixels: Tensor) -> Any:
        """The net's output for pixels, uint8 (N, C, H, W)."""
        # Contiguous, since a view in the net may not accept the strides of channel-last images.
        return self.net(self.preprocessing(pixels).contiguous())
