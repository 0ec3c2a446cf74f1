"""A net that prepares its images by itself."""

from typing import Any

from torch import Tensor, nn

from pnas_ops import Preprocessing


class RawPixels(nn.Module):
    """A net that takes pixels as a camera gives them, uint8 (N, C, H, W): its preprocessing is its first layer."""

    def __init__(self, net: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.net = net
        self.preprocessing = preprocessing

    def forward(self, pixels: Tensor) -> Any:
        """What the net gives for pixels, uint8 (N, C, H, W)."""
        # Contiguous, as what a net takes: a view in it may not take the strides of channel-last images.
        return self.net(self.preprocessing(pixels).contiguous())
