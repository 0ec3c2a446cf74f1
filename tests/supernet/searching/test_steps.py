"""What the steps compute; test_step_isolation.py has what they must not change."""

import copy
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from materialized import StraightThrough
from pnas_supernet import (
    ExactGate,
    GatePath,
    SinglePath,
    TwoPathGate,
    active_paths,
    alpha_parameters,
    arch_step,
    frozen_parameters,
    mixed_ops,
    weight_parameters,
    weight_step,
)

ZERO = 3


def test_alphas_and_weights_are_disjoint_and_complete(network: nn.Module) -> None:
    alphas, weights = alpha_parameters(network), weight_parameters(network)
    assert len(alphas) == 2
    assert {id(p) for p in alphas}.isdisjoint(id(p) for p in weights)
    assert {id(p) for p in (*alphas, *weights)} == {id(p) for p in network.parameters()}


def test_a_result_holds_no_graph(network: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    weights = torch.optim.SGD(weight_parameters(network), lr=0.1)
    alphas = torch.optim.SGD(alpha_parameters(network), lr=0.1)
    for result in (
        weight_step(network, *batch, paths=[SinglePath(1)] * 2, loss=cross_entropy, optimizer=weights),
        arch_step(network, *batch, paths=[ExactGate(1)] * 2, loss=cross_entropy, optimizer=alphas),
    ):
        assert not result.loss.requires_grad
        assert not result.outputs.requires_grad
        assert result.outputs.shape == (6, 5)


def test_with_zero_sampled_every_gate_still_learns(network: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    optimizer = torch.optim.SGD(alpha_parameters(network), lr=1.0)
    arch_step(network, *batch, paths=[ExactGate(ZERO)] * 2, loss=cross_entropy, optimizer=optimizer)
    for alpha in alpha_parameters(network):
        assert (alpha.grad != 0).all()


@pytest.mark.parametrize("paths", [[ExactGate(ZERO), ExactGate(1)], [TwoPathGate(ZERO, 1), TwoPathGate(0, 2)]], ids=str)
def test_the_objective_reaches_alpha_whatever_is_sampled(
    network: nn.Module, batch: tuple[Tensor, Tensor], paths: list[GatePath]
) -> None:
    cost = torch.tensor([1.0, 2.0, 4.0, 0.0], dtype=torch.float64)
    optimizer = torch.optim.SGD(alpha_parameters(network), lr=0.0)

    def no_loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return 0.0 * outputs.sum()

    arch_step(
        network,
        *batch,
        paths=paths,
        loss=no_loss,
        optimizer=optimizer,
        objective=lambda loss, probs: loss + 10 * sum(p @ cost for p in probs),
    )
    for op, path in zip(mixed_ops(network), paths, strict=True):
        alpha = op.alpha.detach().clone().requires_grad_()
        (expected,) = torch.autograd.grad(10 * path.probs(alpha) @ cost, alpha)
        assert expected.abs().max() > 0.1
        torch.testing.assert_close(op.alpha.grad, expected)


def test_arch_step_gradient_is_that_of_the_materialized_network(
    network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    """An oracle for the whole net: both mixed operations hold all candidates in one graph, in training mode."""
    actives = [2, 1]
    optimizer = torch.optim.SGD(alpha_parameters(network), lr=0.0)
    arch_step(network, *batch, paths=[ExactGate(a) for a in actives], loss=cross_entropy, optimizer=optimizer)

    x = network.stem(batch[0])
    leaves = []
    for op, active in zip(mixed_ops(network), actives, strict=True):
        alpha = op.alpha.detach().clone().requires_grad_()
        p = alpha.softmax(0)
        gates = nn.functional.one_hot(torch.tensor(active), len(p)) + p - p.detach()
        x = x + sum(gate * candidate(x) for gate, candidate in zip(gates, op.candidates, strict=True))
        leaves.append(alpha)
    expected = torch.autograd.grad(cross_entropy(network.head(x.mean((2, 3))), batch[1]), leaves)
    for op, gradient in zip(mixed_ops(network), expected, strict=True):
        torch.testing.assert_close(op.alpha.grad, gradient, rtol=1e-10, atol=1e-12)


def test_frozen_parameters_are_thawed_after_an_exception() -> None:
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    with pytest.raises(KeyError), frozen_parameters(layer.parameters()):
        assert not layer.weight.requires_grad
        raise KeyError
    assert layer.weight.requires_grad
    assert not layer.bias.requires_grad


def test_an_objective_that_is_no_sum_has_the_gradient_of_the_materialized_network(
    network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    """The loss is a factor, and the probabilities are one."""
    cost = torch.tensor([1.0, 2.0, 4.0, 0.0], dtype=torch.float64)

    def objective(loss: Tensor, probs: Sequence[Tensor]) -> Tensor:
        return loss**2 * torch.stack([p @ cost for p in probs]).sum()

    paths = [ExactGate(2), ExactGate(1)]
    of_materialized = copy.deepcopy(network)
    optimizer = torch.optim.SGD(alpha_parameters(network), lr=0.0)
    result = arch_step(network, *batch, paths=paths, loss=cross_entropy, optimizer=optimizer, objective=objective)

    alphas = alpha_parameters(of_materialized)
    with active_paths(of_materialized, [StraightThrough(path.active, (0, 1, 2, 3)) for path in paths]):
        loss = cross_entropy(of_materialized(batch[0]), batch[1])
    value = objective(loss, [alpha.softmax(0) for alpha in alphas])
    torch.testing.assert_close(result.loss, value.detach(), rtol=1e-10, atol=0.0)
    for found, expected in zip(alpha_parameters(network), torch.autograd.grad(value, alphas), strict=True):
        torch.testing.assert_close(found.grad, expected, rtol=1e-9, atol=1e-12)
