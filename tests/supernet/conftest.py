"""Small networks with mixed operations, in float64, for exact comparisons."""

import pytest
import torch
from torch import nn

from pnas_ops import MBConv, Zero
from pnas_supernet import MixedOp, mixed_ops

CHANNELS = 4


def make_candidates() -> list[nn.Module]:
    """Three MBConvs (with BatchNorm) and Zero, of equal output shape."""
    mbconvs = [MBConv(CHANNELS, CHANNELS, kernel_size=k, expansion=e, stride=1) for k, e in [(3, 2), (5, 1), (3, 3)]]
    return [*mbconvs, Zero()]


class ResidualNet(nn.Module):
    """A user's own module: two residual mixed operations between a stem and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, CHANNELS, 3), nn.BatchNorm2d(CHANNELS))
        self.first = MixedOp(make_candidates())
        self.second = MixedOp(make_candidates())
        self.head = nn.Linear(CHANNELS, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x + self.first(x)
        x = x + self.second(x)
        return self.head(x.mean((2, 3)))


@pytest.fixture
def network() -> ResidualNet:
    torch.manual_seed(0)
    return ResidualNet().double()


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(6, 3, 8, 8, dtype=torch.float64, generator=generator)
    return images, torch.randint(5, (6,), generator=generator)


@pytest.fixture
def dropping_network(network: ResidualNet) -> nn.Module:
    """The network in float32, as mixed precision takes it, with dropout inside and outside of a candidate."""
    candidates = mixed_ops(network)[0].candidates
    candidates[1] = nn.Sequential(candidates[1], nn.Dropout(0.3))
    network.head = nn.Sequential(nn.Dropout(0.2), network.get_submodule("head"))  # type: ignore[assignment]
    return network.float()
