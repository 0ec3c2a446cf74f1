"""REINFORCE steps against the enumerated gradient of the expected reward, and what they leave alone."""

import copy
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bits import bits
from pnas_supernet import (
    Execution,
    ProxylessNAS,
    ReinforceStep,
    SearchConfig,
    SinglePath,
    active_paths,
    alpha_parameters,
    batch_statistics_untouched,
    mixed_ops,
    weight_parameters,
)


class Mean:
    """The mean of all rewards of earlier steps."""

    def __init__(self) -> None:
        self.rewards: list[float] = []

    def step(self, rewards: Tensor) -> Tensor:
        value = sum(self.rewards) / len(self.rewards) if self.rewards else 0.0
        self.rewards += rewards.tolist()
        return torch.full_like(rewards, value)

    def state_dict(self) -> dict[str, list[float]]:
        return {"rewards": list(self.rewards)}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        self.rewards = list(state["rewards"])


def reinforce(log_probs: Tensor, rewards: Tensor, baselines: Tensor) -> Tensor:
    return -((rewards - baselines) * log_probs).mean()


def reward(accuracy: float, choices: Sequence[int]) -> float:
    """Not differentiable in anything."""
    return accuracy - 0.3 * math.floor(sum(choices) / 2)


def make_batch(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(8, 3, 8, 8, dtype=torch.float64, generator=generator)
    return images, torch.randint(5, (8,), generator=generator)


def make_step(estimator: Callable[[Tensor, Tensor, Tensor], Tensor] = reinforce) -> ReinforceStep:
    return ReinforceStep(reward=reward, estimator=estimator, baseline=Mean(), samples=5)


@pytest.fixture
def skewed(network: nn.Module) -> nn.Module:
    """Probabilities that are all different."""
    with torch.no_grad():
        for alpha in alpha_parameters(network):
            alpha.copy_(torch.arange(len(alpha)) * 0.4)
    return network.train()


def enumerated_gradient(network: nn.Module, inputs: Tensor, targets: Tensor) -> list[Tensor]:
    """Of minus the expected reward, over all paths."""
    alphas = alpha_parameters(network)
    log_probs = [alpha.log_softmax(0) for alpha in alphas]
    expected = torch.zeros((), dtype=torch.float64)
    for choices in itertools.product(*[range(len(alpha)) for alpha in alphas]):
        paths = [SinglePath(choice) for choice in choices]
        with torch.no_grad(), active_paths(network, paths), batch_statistics_untouched(network.modules()):
            accuracy = float((network(inputs).argmax(1) == targets).double().mean())
        probability = torch.stack([row[choice] for row, choice in zip(log_probs, choices, strict=True)]).sum().exp()
        expected = expected + probability * reward(accuracy, choices)
    return list(torch.autograd.grad(-expected, alphas))


def test_the_mean_of_many_estimates_is_the_gradient_of_the_expected_reward(skewed: nn.Module) -> None:
    inputs, targets = make_batch(0)
    wanted = torch.cat(enumerated_gradient(skewed, inputs, targets))
    optimizer = torch.optim.SGD(alpha_parameters(skewed), lr=0.0)
    step, generator = make_step(), torch.Generator().manual_seed(1)
    estimates = []
    for _ in range(300):
        step(
            skewed,
            inputs,
            targets,
            loss=cross_entropy,
            optimizer=optimizer,
            generator=generator,
            execution=Execution(),
        )
        estimates.append(torch.cat([cast(Tensor, alpha.grad) for alpha in alpha_parameters(skewed)]))
    found = torch.stack(estimates)
    error = found.std(0) / len(found) ** 0.5
    assert wanted.abs().max() > 20 * error.max()
    assert ((found.mean(0) - wanted).abs() < 4.5 * error).all()


def test_only_alpha_changes(skewed: nn.Module) -> None:
    before = copy.deepcopy(skewed.state_dict())
    optimizer = torch.optim.Adam(alpha_parameters(skewed), lr=0.1)
    inputs, targets = make_batch(0)
    result = make_step()(
        skewed,
        inputs,
        targets,
        loss=cross_entropy,
        optimizer=optimizer,
        generator=torch.Generator().manual_seed(0),
        execution=Execution(),
    )
    assert result.outputs.shape == (8, 5)
    assert not result.loss.requires_grad
    changed = {name for name, tensor in skewed.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {name for name in before if name.endswith("alpha")}
    assert all(parameter.grad is None for parameter in weight_parameters(skewed))


def test_the_baseline_of_a_step_is_made_of_the_rewards_before_it(skewed: nn.Module) -> None:
    seen: list[tuple[list[float], float]] = []

    def estimator(log_probs: Tensor, rewards: Tensor, baselines: Tensor) -> Tensor:
        seen.append((rewards.tolist(), float(baselines[0])))
        return reinforce(log_probs, rewards, baselines)

    step, generator = make_step(estimator=estimator), torch.Generator().manual_seed(0)
    inputs, targets = make_batch(0)
    for _ in range(2):
        step(
            skewed,
            inputs,
            targets,
            loss=cross_entropy,
            optimizer=torch.optim.SGD(alpha_parameters(skewed), lr=0.1),
            generator=generator,
            execution=Execution(),
        )
    (first, before_first), (_, before_second) = seen
    assert before_first == 0.0
    assert before_second == pytest.approx(sum(first) / len(first))


def make_search(network: nn.Module) -> ProxylessNAS:
    config = SearchConfig(warmup_epochs=0, epochs=2, arch_interval=1, alpha_lr=0.1)
    return ProxylessNAS(
        copy.deepcopy(network), config, arch_step=make_step(), generator=torch.Generator().manual_seed(3)
    )


def test_a_search_by_rewards_prefers_what_is_rewarded_and_resumes_with_its_baseline(
    network: nn.Module, tmp_path: Path
) -> None:
    train, validation = [make_batch(seed) for seed in range(20)], [make_batch(50)]
    whole, stopped, resumed = (make_search(network) for _ in range(3))
    whole.run_epoch(train, validation)
    whole.run_epoch(train, validation)
    stopped.run_epoch(train, validation)
    stopped.save(tmp_path / "search.pt")
    assert resumed.resume(tmp_path / "search.pt")
    resumed.run_epoch(train, validation)
    assert bits(whole.state_dict()) == bits(resumed.state_dict())
    # The reward falls with the number of the candidate.
    assert all(op.probs[:2].sum() > 0.6 for op in mixed_ops(whole.network))
