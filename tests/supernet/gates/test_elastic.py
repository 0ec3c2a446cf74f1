"""Widths, depths and resolutions in a supernet: its nets are those that ship, and its gates' gradients exact."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from attrs import evolve, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pnas_ops import (
    Architecture,
    MBConvSpec,
    NetworkSpace,
    NetworkStage,
    build_network,
    digits_network_space,
)
from pnas_supernet import (
    ExactGate,
    Mixture,
    SinglePath,
    SuperNet,
    TwoPathGate,
    active_paths,
    alpha_parameters,
    derive,
    extract,
    mixed_ops,
)
from strategies import choices, network_spaces

SPACE = evolve(
    digits_network_space(),
    resolutions=(8, 12),
    stages=(
        NetworkStage(widths=(2, 3, 5), depths=(1, 2, 3), stride=2),
        NetworkStage(widths=(4, 6), depths=(1, 2), stride=1),
    ),
    candidates=(MBConvSpec(kernel_size=3, expansion=1), MBConvSpec(kernel_size=5, expansion=2)),
    head=evolve(digits_network_space().head, in_channels=6),
)


def make_supernet(space: NetworkSpace = SPACE, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> SuperNet:
    """With statistics and scales that are not those that BatchNorm starts with."""
    generator = torch.Generator().manual_seed(seed)
    supernet = SuperNet(space, generator=generator)
    for module in supernet.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator) / 4)
            module.running_var.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
            module.weight.data.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
            module.bias.data.copy_(torch.randn(module.num_features, generator=generator) / 4)
    for alpha in alpha_parameters(supernet):
        alpha.data.copy_(torch.randn(len(alpha), generator=generator))
    return supernet.to(dtype)


def images(space: NetworkSpace, count: int = 4, *, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(9)
    return torch.randn(count, space.in_channels, space.resolution, space.resolution, generator=generator, dtype=dtype)


def resized(x: Tensor, architecture: Architecture) -> Tensor:
    """What the net that ships is given."""
    size = (architecture.resolution,) * 2
    return x if x.shape[-2:] == size else nn.functional.interpolate(x, size, mode="bilinear", antialias=True)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), network_spaces(), st.booleans())
def test_the_net_that_ships_gives_what_the_supernet_gives(
    data: st.DataObject, space: NetworkSpace, train: bool
) -> None:
    picks = data.draw(choices(space))
    supernet = make_supernet(space).train(train)
    architecture = space.architecture(picks)
    network = extract(supernet, architecture)
    rebuilt = build_network(architecture).to(torch.float64)
    rebuilt.load_state_dict(network.state_dict())
    x = images(space)
    with torch.no_grad(), active_paths(supernet, [SinglePath(pick) for pick in picks]):
        expected = supernet(x)
    with torch.no_grad():
        torch.testing.assert_close(network(resized(x, architecture)), expected, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(rebuilt.train(train)(resized(x, architecture)), expected, rtol=1e-6, atol=1e-6)


def test_what_is_extracted_is_a_copy_that_learns_for_itself() -> None:
    supernet = make_supernet()
    network = extract(supernet, SPACE.widest)
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    assert all(parameter.requires_grad for parameter in network.parameters())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[name]) for name, value in supernet.state_dict().items())
    assert network.training


@frozen(eq=False)
class GivenGates:
    """sum_j g_j o_j(...) for gates that are given, in one graph."""

    gates: Tensor

    @property
    def members(self) -> range:
        return range(len(self.gates))

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, *inputs: Any) -> Tensor:
        # What is in no net gets no say in batch statistics that a net would not have; all are summed, as equation 2 is.
        return torch.stack([gate * one(*inputs) for gate, one in zip(self.gates, candidates, strict=True)]).sum(0)

    def probs(self, alpha: Tensor) -> Tensor:
        return alpha.softmax(0)


@pytest.mark.parametrize("seed", range(6))
def test_the_gradient_of_every_gate_is_that_of_the_loss_in_one_graph(seed: int) -> None:
    """dL/dalpha_i = sum_j dL/dg_j p_j (delta_ij - p_i), with dL/dg_j by autograd at the binary gates of the path."""
    supernet = make_supernet(seed=seed)
    generator = torch.Generator().manual_seed(seed)
    picks = SPACE.sample_choices(generator)
    x, targets = images(SPACE), torch.tensor([0, 3, 7, 9])
    with active_paths(supernet, [ExactGate(pick) for pick in picks]):
        cross_entropy(supernet(x), targets).backward()
    found = [op.alpha.grad for op in mixed_ops(supernet)]

    gates = [
        nn.functional.one_hot(torch.tensor(pick), count).double().requires_grad_()
        for pick, count in zip(picks, SPACE.options, strict=True)
    ]
    with active_paths(supernet, [GivenGates(gate) for gate in gates]):
        loss = cross_entropy(supernet(x), targets)
    of_gates = torch.autograd.grad(loss, gates)
    for op, gradient, grad_gates in zip(mixed_ops(supernet), found, of_gates, strict=True):
        (wanted,) = torch.autograd.grad(op.probs, op.alpha, grad_gates)
        torch.testing.assert_close(gradient, wanted, rtol=1e-9, atol=1e-12)
    # Those of widths, depths and resolutions are no zeros.
    assert all(grads.abs().max() > 0 for grads in of_gates[:3])


def test_the_gradient_of_a_width_is_that_of_finite_differences() -> None:
    """By a mask between two widths, of all blocks of a stage and the hidden channels after it at once."""
    supernet = make_supernet(seed=1)
    supernet.eval()
    picks = SPACE.choices(SPACE.widest)
    x, targets = images(SPACE), torch.tensor([0, 3, 7, 9])

    def loss_at(gate: Tensor) -> Tensor:
        paths = [SinglePath(pick) for pick in picks]
        with active_paths(supernet, [paths[0], GivenGates(gate), *paths[2:]]):
            return cross_entropy(supernet(x), targets)

    gate = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss_at(gate), gate)
    steps = 1e-6 * torch.eye(3, dtype=torch.float64)
    with torch.no_grad():
        differences = [(loss_at(gate + step) - loss_at(gate - step)) / 2e-6 for step in steps]
    torch.testing.assert_close(gradient, torch.stack(differences), rtol=1e-5, atol=1e-8)


def test_blocks_beyond_the_depth_are_not_run_where_no_gate_asks_for_them() -> None:
    supernet = make_supernet()
    picks = [*SPACE.choices(SPACE.widest)]
    picks[2] = 0
    ran: list[int] = []
    blocks = supernet.network.stages[0].blocks
    for number, block in enumerate(blocks):
        block.register_forward_hook(lambda *_, number=number: ran.append(number))
    with active_paths(supernet, [SinglePath(pick) for pick in picks]):
        supernet(images(SPACE))
    assert ran == [0]
    ran.clear()
    with active_paths(supernet, [ExactGate(pick) for pick in picks]):
        supernet(images(SPACE))
    assert ran == [0, 1, 2]


def test_other_ways_to_learn_run_too() -> None:
    supernet = make_supernet()
    x, targets = images(SPACE), torch.tensor([0, 3, 7, 9])
    for path in (
        [TwoPathGate(0, 1) if count > 1 else SinglePath(0) for count in SPACE.options],
        [Mixture(count) for count in SPACE.options],
    ):
        with active_paths(supernet, path):
            cross_entropy(supernet(x), targets).backward()
    assert all(alpha.grad is not None and alpha.grad.isfinite().all() for alpha in alpha_parameters(supernet))


def test_its_mixtures_are_the_choices_in_their_order() -> None:
    supernet = make_supernet()
    assert tuple(len(op.candidates) for op in mixed_ops(supernet)) == SPACE.options
    for op, pick in zip(mixed_ops(supernet), SPACE.choices(SPACE.widest), strict=True):
        op.alpha.data.zero_()
        op.alpha.data[pick] = 1.0
    assert derive(supernet, name="widest") == SPACE.widest
    assert "10 mixed operations of 2 to 3 candidates" in repr(supernet)
    assert "depth 3" in str(supernet)
