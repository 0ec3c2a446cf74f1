"""Steps of whatever network a user has: buffers, optimizers, frozen alphas, choices of one candidate."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from bits import bits
from pnas_supernet import (
    ExactGate,
    MixedOp,
    SinglePath,
    alpha_parameters,
    arch_step,
    sample_paths,
    sample_two_path_gate,
    weight_parameters,
    weight_step,
)


class Counting(nn.Module):
    """Keeps a count in one buffer, and the last mean in another, which it binds anew."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.get_buffer("count").add_(1)
        self.mean = x.mean().detach()
        return x * self.count


def conv() -> nn.Conv2d:
    return nn.Conv2d(3, 3, 3, padding=1)


STATEFUL: dict[str, Callable[[], nn.Module]] = {
    "BatchNorm": lambda: nn.Sequential(conv(), nn.BatchNorm2d(3)),
    "InstanceNorm": lambda: nn.Sequential(conv(), nn.InstanceNorm2d(3, track_running_stats=True)),
    "spectral norm": lambda: nn.utils.parametrizations.spectral_norm(conv()),
    "old spectral norm": lambda: nn.utils.spectral_norm(conv()),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(conv()),
    "old weight norm": lambda: nn.utils.weight_norm(conv()),
    "own": lambda: nn.Sequential(conv(), Counting()),
}


def square(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).square().mean()


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, 5, 5, generator=generator), torch.randn(2, 3, 5, 5, generator=generator)


@pytest.mark.filterwarnings("ignore:.*spectral_norm:FutureWarning", "ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize("kind", STATEFUL)
def test_no_buffer_changes_in_an_arch_step(kind: str, batch: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    make = STATEFUL[kind]
    network = nn.Sequential(make(), MixedOp([make(), make(), conv()]), make())
    optimizer = torch.optim.SGD(alpha_parameters(network), lr=0.1)
    weights = torch.optim.SGD(weight_parameters(network), lr=0.0)
    before = bits({name: t for name, t in network.state_dict().items() if not name.endswith("alpha")})
    for active in range(3):
        arch_step(network, *batch, paths=[ExactGate(active)], loss=square, optimizer=optimizer)
        after = bits({name: t for name, t in network.state_dict().items() if not name.endswith("alpha")})
        assert after == before
    weight_step(network, *batch, paths=[SinglePath(0)], loss=square, optimizer=weights)
    changed = bits({name: t for name, t in network.state_dict().items() if not name.endswith("alpha")}) != before
    assert changed == (kind not in ("weight norm", "old weight norm"))  # which have no buffer of their own


def test_optimizers_that_were_swapped_are_told_apart(batch: tuple[Tensor, Tensor]) -> None:
    network = MixedOp([conv(), conv()])
    weights = torch.optim.SGD(weight_parameters(network), lr=0.1)
    alphas = torch.optim.SGD(alpha_parameters(network), lr=0.1)
    with pytest.raises(ValueError, match="weight_step got the optimizer of alphas: give it one of weight_parameters"):
        weight_step(network, *batch, paths=[SinglePath(0)], loss=square, optimizer=alphas)
    with pytest.raises(ValueError, match="arch_step got an optimizer without an alpha: give it one of alpha_parameter"):
        arch_step(network, *batch, paths=[ExactGate(0)], loss=square, optimizer=weights)


def test_a_frozen_alpha_goes_with_an_objective(batch: tuple[Tensor, Tensor]) -> None:
    network = nn.Sequential(MixedOp([conv(), conv()]), MixedOp([conv(), conv()]))
    network[0].alpha.requires_grad_(False)
    optimizer = torch.optim.SGD(alpha_parameters(network), lr=0.1)
    costs = torch.tensor([0.0, 1.0])

    def objective(loss: Tensor, probs: Sequence[Tensor]) -> Tensor:
        return loss * 0.0 + torch.stack([p @ costs for p in probs]).sum()

    arch_step(network, *batch, paths=[ExactGate(0)] * 2, loss=square, optimizer=optimizer, objective=objective)
    assert network[0].alpha.tolist() == [0.0, 0.0]
    torch.testing.assert_close(network[1].alpha.detach(), 0.1 * torch.tensor([0.25, -0.25]))
    network[1].alpha.requires_grad_(False)
    with pytest.raises(ValueError, match=r"every alpha is frozen.*alpha\.requires_grad_\(\) thaws one"):
        arch_step(network, *batch, paths=[ExactGate(0)] * 2, loss=square, optimizer=optimizer, objective=objective)


def test_a_choice_of_one_candidate_needs_no_advice(batch: tuple[Tensor, Tensor]) -> None:
    network = nn.Sequential(MixedOp([conv()]), MixedOp([conv(), conv()]))
    with torch.no_grad():
        network[1].alpha[0] = -torch.inf
    optimizer = torch.optim.Adam(alpha_parameters(network), lr=0.1)
    paths = sample_paths(network, sample_two_path_gate, torch.Generator().manual_seed(0))
    assert paths == (SinglePath(0), SinglePath(1))
    arch_step(network, *batch, paths=paths, loss=square, optimizer=optimizer)
    assert [alpha.tolist() for alpha in alpha_parameters(network)] == [[0.0], [-torch.inf, 0.0]]
