"""A candidate that hands on its input's memory, between layers that work in place: right where the net itself is."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pnas_supernet import ExactGate, MixedOp, SinglePath, TwoPathGate, active_paths


class Halved(nn.Module):
    """Works in place, and needs nothing of it for its gradient."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(0.5)


def gradient(conv: nn.Module, net: nn.Module) -> Tensor:
    conv.zero_grad()
    net(torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))).square().sum().backward()
    assert isinstance(conv.weight, nn.Parameter)
    assert conv.weight.grad is not None
    return conv.weight.grad.clone()


@pytest.mark.parametrize("path", [SinglePath(0), ExactGate(0), TwoPathGate(0, 1)], ids=str)
@pytest.mark.parametrize("before", [Halved, lambda: nn.Hardtanh(inplace=True)], ids=["halved", "hardtanh"])
@pytest.mark.parametrize(
    "view",
    [nn.Identity, lambda: nn.Unflatten(1, (3, 1)), lambda: nn.Dropout(0.0)],
    ids=["identity", "unflatten", "dropout"],
)
def test_the_gradient_is_that_of_the_net_itself(
    view: Callable[[], nn.Module], before: Callable[[], nn.Module], path: SinglePath
) -> None:
    torch.manual_seed(0)
    conv, after = nn.Conv2d(3, 3, 1), nn.ReLU(inplace=True)
    op = MixedOp([view(), view()])
    expected = gradient(conv, nn.Sequential(conv, before(), view(), after))
    net = nn.Sequential(conv, before(), op, after)
    with active_paths(net, [path]):
        torch.testing.assert_close(gradient(conv, net), expected)


def test_where_the_net_itself_cannot_be_trained_a_path_along_it_says_so_too() -> None:
    conv = nn.Conv2d(3, 3, 1)
    plain = nn.Sequential(conv, nn.ReLU(inplace=True), nn.Identity(), nn.ReLU(inplace=True))
    mixed = nn.Sequential(*plain[:2], MixedOp([nn.Identity(), nn.Conv2d(3, 3, 1)]), plain[3])
    for net in (plain, mixed):
        with (
            active_paths(net, [SinglePath(0)] if net is mixed else []),
            pytest.raises(RuntimeError, match="modified by an inplace operation"),
        ):
            gradient(conv, net)
