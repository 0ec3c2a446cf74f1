"""REINFORCE's estimator against the enumerated gradient, the rewards against their closed forms."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pnas_latency import MovingBaseline, absolute_reward, mnasnet_reward, reinforce_loss

SIZES = (3, 2)
PATHS = list(product(*map(range, SIZES)))
# Any number a path: nothing about it can be differentiated.
rewards_of_paths = st.lists(st.floats(-10, 10), min_size=len(PATHS), max_size=len(PATHS))
alphas = st.tuples(*(st.lists(st.floats(-3, 3), min_size=size, max_size=size) for size in SIZES))


def parameters(values: tuple[list[float], ...]) -> list[Tensor]:
    return [torch.tensor(alpha, dtype=torch.float64, requires_grad=True) for alpha in values]


def log_probs(values: list[Tensor]) -> Tensor:
    """Of all paths, of shape (paths,)."""
    logs = [alpha.log_softmax(0) for alpha in values]
    return torch.stack([torch.stack([p[i] for p, i in zip(logs, path, strict=True)]).sum() for path in PATHS])


def gradient(of: Tensor, values: list[Tensor]) -> Tensor:
    return torch.cat(torch.autograd.grad(of, values))


def enumerated(values: list[Tensor], rewards: Tensor) -> Tensor:
    """The gradient of -E[R]."""
    return gradient(-(log_probs(values).exp() * rewards).sum(), values)


def expected_gradient(
    values: list[Tensor], rewards: Tensor, draws: int, baseline: Callable[[Tensor], float | Tensor]
) -> Tensor:
    """The mean of the estimate over all ways to draw so many paths."""
    total = torch.zeros(sum(SIZES), dtype=torch.float64)
    for drawn in product(range(len(PATHS)), repeat=draws):
        logs, drawn_rewards = log_probs(values)[list(drawn)], rewards[list(drawn)]
        estimate = gradient(reinforce_loss(logs, drawn_rewards, baseline(drawn_rewards)), values)
        total += logs.sum().exp().detach() * estimate
    return total


@settings(max_examples=30)
@given(values=alphas, rewards=rewards_of_paths, baseline=st.floats(-10, 10), draws=st.integers(1, 2))
def test_is_unbiased_with_any_baseline(
    values: tuple[list[float], ...], rewards: list[float], baseline: float, draws: int
) -> None:
    alpha, worth = parameters(values), torch.tensor(rewards, dtype=torch.float64)
    expected = expected_gradient(alpha, worth, draws, lambda _: baseline)
    torch.testing.assert_close(expected, enumerated(alpha, worth), rtol=1e-9, atol=1e-9)


@settings(max_examples=15)
@given(values=alphas, rewards=rewards_of_paths, value=st.none() | st.floats(-10, 10), draws=st.integers(1, 2))
def test_is_unbiased_with_a_moving_baseline_at_its_first_and_later_steps(
    values: tuple[list[float], ...], rewards: list[float], value: float | None, draws: int
) -> None:
    alpha, worth = parameters(values), torch.tensor(rewards, dtype=torch.float64)
    expected = expected_gradient(alpha, worth, draws, lambda drawn: MovingBaseline(value=value).step(drawn))
    torch.testing.assert_close(expected, enumerated(alpha, worth), rtol=1e-9, atol=1e-9)


def test_the_mean_of_the_same_step_would_be_biased() -> None:
    alpha, worth = parameters(([0.3, -1.0, 2.0], [0.0, 1.0])), torch.arange(6, dtype=torch.float64)
    expected = expected_gradient(alpha, worth, 2, lambda drawn: drawn.mean())
    torch.testing.assert_close(expected, enumerated(alpha, worth) / 2)


def test_the_mean_of_many_estimates_comes_to_the_gradient() -> None:
    alpha, worth = parameters(([0.3, -1.0, 2.0], [0.0, 1.0])), torch.tensor([0.1, 0.7, 0.2, 0.9, 0.5, 0.4]).double()
    generator = torch.Generator().manual_seed(0)
    probs = log_probs(alpha).detach().exp()
    baseline, estimates = MovingBaseline(decay=0.8), []
    for _ in range(500):
        drawn = torch.multinomial(probs, 4, replacement=True, generator=generator)
        loss = reinforce_loss(log_probs(alpha)[drawn], worth[drawn], baseline.step(worth[drawn]))
        estimates.append(gradient(loss, alpha))
    stacked = torch.stack(estimates)
    standard_error = stacked.std(0) / len(estimates) ** 0.5
    assert ((stacked.mean(0) - enumerated(alpha, worth)).abs() < 4 * standard_error).all()


def test_no_gradient_goes_through_rewards_and_baseline() -> None:
    logs, rewards, baseline = (torch.ones(2, requires_grad=True) for _ in range(3))
    reinforce_loss(logs, rewards * 3, baseline).backward()
    torch.testing.assert_close(logs.grad, torch.full((2,), -1.0))
    assert rewards.grad is None
    assert baseline.grad is None


@given(
    steps=st.lists(st.lists(st.floats(-10, 10), min_size=1, max_size=4), min_size=1, max_size=5),
    decay=st.floats(0, 0.99),
)
def test_the_baseline_is_the_average_of_earlier_steps(steps: list[list[float]], decay: float) -> None:
    baseline = MovingBaseline(decay=decay)
    means = [sum(step) / len(step) for step in steps]
    for index, step in enumerate(steps):
        # The weights of what came before, written out.
        shares = [(1 - decay if i else 1.0) * decay ** (index - 1 - i) for i in range(index)]
        before = sum(share * mean for share, mean in zip(shares, means[:index], strict=True))
        others = [(sum(step) - reward) / (len(step) - 1) if len(step) > 1 else 0.0 for reward in step]
        found = baseline.step(torch.tensor(step, dtype=torch.float64))
        assert found.tolist() == pytest.approx([before] * len(step) if index else others, abs=1e-9)


def test_a_baseline_goes_on_from_plain_values() -> None:
    first, second = MovingBaseline(decay=0.5), MovingBaseline()
    first.step(torch.tensor([1.0, 2.0]))
    second.load_state_dict(first.state_dict())
    assert second == first == MovingBaseline(decay=0.5, value=1.5)
    with pytest.raises(ValueError, match="a MovingBaseline has decay, value, got mean"):
        second.load_state_dict({"mean": 1.0})


@given(accuracy=st.floats(0, 1), cost=st.floats(0.1, 100), target=st.floats(0.1, 100))
def test_rewards_are_their_closed_forms(accuracy: float, cost: float, target: float) -> None:
    assert mnasnet_reward(accuracy, cost, target=target, exponent=-2.0) == pytest.approx(
        accuracy * (target / cost) ** 2
    )
    off = cost - target if cost > target else target - cost
    assert absolute_reward(accuracy, cost, target=target, beta=-0.5) == pytest.approx(accuracy - off / target / 2)
    # Of several nets at once.
    accuracies = torch.tensor([accuracy, 0.5], dtype=torch.float64)
    costs = torch.tensor([cost, 1.0], dtype=torch.float64)
    for reward in (mnasnet_reward, absolute_reward):
        assert reward(accuracies, costs, target=target).tolist() == pytest.approx(
            [reward(accuracy, cost, target=target), reward(0.5, 1.0, target=target)]
        )


def test_twice_the_target_is_worth_five_percent_of_the_accuracy() -> None:
    assert mnasnet_reward(0.7, 40.0, target=20.0) == pytest.approx(0.7 * 0.95, rel=0.005)
    assert mnasnet_reward(0.7, 20.0, target=20.0) == absolute_reward(0.7, 20.0, target=20.0) == 0.7


def test_refuses_what_has_no_meaning() -> None:
    with pytest.raises(ValueError, match=r"log-probabilities of shape \(2,\) and rewards of shape \(3,\)"):
        reinforce_loss(torch.ones(2), torch.ones(3), 0.0)
    with pytest.raises(ValueError, match=r"baseline of shape \(1,\) for 2 rewards"):
        reinforce_loss(torch.ones(2), torch.ones(2), torch.ones(1))
    with pytest.raises(ValueError, match=r"rewards must be finite and of shape \(M,\), got .*nan"):
        MovingBaseline().step(torch.tensor([1.0, float("nan")]))
    with pytest.raises(ValueError, match="'decay' must be a number from 0 and below 1, got"):
        MovingBaseline(decay=1.0)
    with pytest.raises(ValueError, match="target must be positive, got 0"):
        mnasnet_reward(0.5, 1.0, target=0.0)
    with pytest.raises(ValueError, match="costs must be positive, got 0"):
        absolute_reward(0.5, 0.0, target=1.0)
    with pytest.raises(ValueError, match="costs must be positive, got "):
        mnasnet_reward(torch.ones(2), torch.tensor([1.0, 0.0]), target=1.0)
    for beta in (0.0, 0.1):
        with pytest.raises(ValueError, match=rf"beta must be negative, got {beta}"):
            absolute_reward(0.5, 1.0, target=1.0, beta=beta)
