"""Alternating steps over paths of every kind: each changes what it is for, and nothing else by one bit."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bits import bits
from pnas_supernet import (
    ExactGate,
    GatePath,
    MixedOp,
    Mixture,
    OneShotSum,
    SinglePath,
    TwoPathGate,
    alpha_parameters,
    arch_step,
    mixed_ops,
    weight_parameters,
    weight_step,
)

COUNT = 4
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "SGD": partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=0.1),
    "Nesterov": partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=0.1, nesterov=True),
    "Adam": partial(torch.optim.Adam, lr=0.01, weight_decay=0.1),
    "AdamW": partial(torch.optim.AdamW, lr=0.01, weight_decay=0.1),
}

indices = st.integers(0, COUNT - 1)
learning_paths = st.one_of(
    st.builds(ExactGate, indices),
    st.permutations(range(COUNT)).map(lambda order: TwoPathGate(*order[:2])),
    st.just(Mixture(COUNT)),
)
all_paths = st.one_of(learning_paths, st.builds(SinglePath, indices), st.just(OneShotSum(COUNT)))
weight_steps = st.tuples(st.just("weight"), st.lists(all_paths, min_size=2, max_size=2))
arch_steps = st.tuples(
    st.just("arch"), st.tuples(learning_paths, all_paths).flatmap(lambda paths: st.permutations(paths))
)
sequences = st.lists(st.one_of(weight_steps, arch_steps), min_size=2, max_size=5)
optimizers = st.tuples(st.sampled_from(sorted(OPTIMIZERS)), st.booleans())


def make_optimizer(choice: tuple[str, bool], parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    name, fused = choice
    optimizer = OPTIMIZERS[name](parameters, fused=fused)
    if isinstance(optimizer, torch.optim.SGD):
        for parameter in parameters:  # the fused kernel takes no mix of parameters with and without
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def learns(path: GatePath) -> bool:
    """Whether the output's gradient reaches alpha."""
    return type(path) in (ExactGate, TwoPathGate, Mixture)


def running(path: GatePath) -> Sequence[int]:
    """The candidates that a weight step runs."""
    return path.members if isinstance(path, Mixture) else path.members[:1]


def modes(network: nn.Module) -> Any:
    """What is neither parameter nor buffer and must be after any step as it was before."""
    return (
        {name: parameter.requires_grad for name, parameter in network.named_parameters()},
        {name: module.training for name, module in network.named_modules()},
        {name: m.track_running_stats for name, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)},
        [op._path for op in mixed_ops(network)],
        bits(torch.get_rng_state()),
    )


def tensors(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Every parameter with its gradient and state in `optimizer`, and every buffer, by its name."""
    found = {name: bits(buffer) for name, buffer in network.named_buffers()}
    for name, parameter in network.named_parameters():
        state = optimizer.state.get(parameter)
        found[name] = bits([parameter, parameter.grad, state])
    return found


@pytest.fixture(params=["all trainable", "partly frozen"])
def any_network(request: pytest.FixtureRequest, network: nn.Module) -> nn.Module:
    if request.param == "partly frozen":
        network.stem.requires_grad_(False).eval()
        network.second.candidates[1].requires_grad_(False)
    return network


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=sequences, for_weights=optimizers, for_alphas=optimizers)
def test_a_step_changes_what_it_is_for_and_nothing_else(
    any_network: nn.Module,
    batch: tuple[Tensor, Tensor],
    steps: list[tuple[str, list[GatePath]]],
    for_weights: tuple[str, bool],
    for_alphas: tuple[str, bool],
) -> None:
    network = copy.deepcopy(any_network)
    weight_optimizer = make_optimizer(for_weights, weight_parameters(network))
    alpha_optimizer = make_optimizer(for_alphas, alpha_parameters(network))
    for kind, paths in steps:
        weights_before, alphas_before = tensors(network, weight_optimizer), tensors(network, alpha_optimizer)
        modes_before = modes(network)
        probs_before = [op.probs.detach() for op in mixed_ops(network)]
        take = weight_step if kind == "weight" else arch_step
        optimizer = weight_optimizer if kind == "weight" else alpha_optimizer
        take(network, *batch, paths=paths, loss=cross_entropy, optimizer=optimizer)
        weights, alphas = tensors(network, weight_optimizer), tensors(network, alpha_optimizer)
        assert modes(network) == modes_before
        if kind == "weight":
            assert_only_what_ran_changed(network, paths, weights_before, weights)
            assert_equal(alphas_before, alphas, [name for name in alphas if name.endswith("alpha")])
        else:
            assert_equal(weights_before, weights, [name for name in weights if not name.endswith("alpha")])
            assert_only_what_was_weighed_changed(network, paths, alphas_before, alphas, probs_before)


def assert_equal(before: dict[str, Any], after: dict[str, Any], names: Sequence[str]) -> None:
    assert names
    for name in names:
        assert after[name] == before[name], name


def assert_only_what_ran_changed(
    network: nn.Module, paths: Sequence[GatePath], before: dict[str, Any], after: dict[str, Any]
) -> None:
    idle = tuple(
        f"{place}.candidates.{index}."
        for place, path in zip(("first", "second"), paths, strict=True)
        for index in range(COUNT)
        if index not in running(path)
    )
    parameters = dict(network.named_parameters())
    for name in after:
        values, values_before = after[name], before[name]
        if name not in parameters:
            module = network.get_submodule(name.rpartition(".")[0])
            assert (values != values_before) == (module.training and not name.startswith(idle)), name
        elif not name.endswith("alpha"):
            assert not name.startswith(idle) or parameters[name].grad is None, name
            still = name.startswith(idle) or not parameters[name].requires_grad
            assert (values[0] == values_before[0]) == still, name
            assert (values[2] == values_before[2]) == still, name


def assert_only_what_was_weighed_changed(
    network: nn.Module,
    paths: Sequence[GatePath],
    before: dict[str, Any],
    after: dict[str, Any],
    probs_before: Sequence[Tensor],
) -> None:
    ops = {name: module for name, module in network.named_modules() if isinstance(module, MixedOp)}
    for (name, op), path, probs in zip(ops.items(), paths, probs_before, strict=True):
        values, values_before = after[f"{name}.alpha"], before[f"{name}.alpha"]
        for part in (0, 2):  # the parameter, and the optimizer's state of it
            assert (values[part] == values_before[part]) != learns(path), name
        if isinstance(path, TwoPathGate):
            others = [index for index in range(COUNT) if index not in path.members]
            # A probability feels alpha's rounding error of up to eps |alpha| relatively, that of softmax besides.
            rounding = 8 * torch.finfo(probs.dtype).eps * (1 + float(op.alpha.detach().abs().max()))
            torch.testing.assert_close(op.probs.detach()[others], probs[others], rtol=rounding, atol=0.0)
