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
    buffers_untouched,
    mixed_ops,
    weight_parameters,
)
from pnas_supernet.searching import arch_steps, execution


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
        with torch.no_grad(), active_paths(network, paths), buffers_untouched(network.modules()):
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


def test_ten_paths_are_judged_in_a_step_unless_told_otherwise(skewed: nn.Module) -> None:
    judged: list[Sequence[int]] = []

    def remember(accuracy: float, choices: Sequence[int]) -> float:
        judged.append(choices)
        return accuracy

    for step, count in (
        (ReinforceStep(reward=remember, estimator=reinforce, baseline=Mean()), 10),
        (ReinforceStep(reward=remember, estimator=reinforce, baseline=Mean(), samples=1), 1),
    ):
        judged.clear()
        step(
            skewed,
            *make_batch(0),
            loss=cross_entropy,
            optimizer=torch.optim.SGD(alpha_parameters(skewed), lr=0.1),
            generator=torch.Generator().manual_seed(0),
            execution=Execution(),
        )
        assert len(judged) == count
    with pytest.raises(ValueError, match="samples"):
        ReinforceStep(reward=reward, estimator=reinforce, baseline=Mean(), samples=0)


def test_several_processes_judge_by_the_mean_accuracy_and_learn_by_the_mean_reward(
    skewed: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The means of this process and others are half a unit above what this one has."""

    def half_more(tensors: Sequence[Tensor], group: object) -> None:
        for tensor in tensors:
            tensor += 0.5

    seen: list[tuple[list[float], list[float]]] = []
    for group in (None, object()):
        accuracies: list[float] = []
        rewards: list[float] = []

        def reward_of(accuracy: float, choices: Sequence[int], to: list[float] = accuracies) -> float:
            to.append(accuracy)
            return 10 * accuracy

        def estimator(log_probs: Tensor, found: Tensor, baselines: Tensor, to: list[float] = rewards) -> Tensor:
            to.extend(found.tolist())
            return reinforce(log_probs, found, baselines)

        with monkeypatch.context() as patch:
            patch.setattr(arch_steps, "average", half_more)
            patch.setattr(execution, "average", lambda tensors, group: None)
            ReinforceStep(reward=reward_of, estimator=estimator, baseline=Mean(), samples=5)(
                skewed,
                *make_batch(0),
                loss=cross_entropy,
                optimizer=torch.optim.SGD(alpha_parameters(skewed), lr=0.0),
                generator=torch.Generator().manual_seed(0),
                execution=Execution(group=group),  # type: ignore[arg-type]
            )
        seen.append((accuracies, rewards))
    (alone, rewards_alone), (joined, rewards_joined) = seen
    assert rewards_alone == pytest.approx([10 * accuracy for accuracy in alone])
    assert joined == pytest.approx([accuracy + 0.5 for accuracy in alone])
    assert rewards_joined == pytest.approx([10 * accuracy + 0.5 for accuracy in joined])
