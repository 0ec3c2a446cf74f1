"""REINFORCE: gradients for rewards that cannot be differentiated, such as an accuracy or a measured latency."""

from math import fsum
from typing import Any, TypeVar

import torch
from attrs import define, field, fields
from torch import Tensor

from pnas_ops import Range

_Value = TypeVar("_Value", float, Tensor)


def reinforce_loss(log_probs: Tensor, rewards: Tensor, baseline: float | Tensor) -> Tensor:
    """-(1/M) sum_m (R_m - b_m) log p_m, whose gradient estimates that of -E[R].

    It is unbiased where b_m does not depend on path m: see `MovingBaseline`. Only its gradient has a meaning, not its
    value.

    Args:
        log_probs: the log-probabilities of M sampled paths, of shape (M,): for each the sum over blocks.
        rewards: of the paths, of shape (M,); no gradient flows through them.
        baseline: one number for all paths, or one for each, of shape (M,). It only changes the estimate's variance.

    Raises:
        ValueError: for shapes that do not match.

    References:
        ProxylessNAS, arXiv 1812.00332, equation 8.
    """
    if log_probs.dim() != 1 or log_probs.shape != rewards.shape or not len(rewards):
        raise ValueError(
            f"needs one reward a path, got log-probabilities of shape {tuple(log_probs.shape)} and rewards of shape "
            f"{tuple(rewards.shape)}"
        )
    if isinstance(baseline, Tensor) and baseline.shape not in ((), rewards.shape):
        raise ValueError(f"got a baseline of shape {tuple(baseline.shape)} for {len(rewards)} rewards")
    advantages = (rewards - baseline).detach().to(log_probs)
    return -(advantages * log_probs).mean()


@define(kw_only=True)
class MovingBaseline:
    """An exponential moving average of rewards, which reduces the variance of `reinforce_loss` without bias.

    A path's own reward must not enter its baseline: with the mean reward of the same M paths, the expected gradient
    would be (M - 1) / M of the true one. So rewards are compared with the average of earlier steps; in the first step,
    each is compared with the mean of the others (with 0 if there are none).

    Attributes:
        decay: the share of the average that a step keeps, at least 0 and below 1.
        value: the average so far; None before the first step.
    """

    decay: float = field(default=0.9, validator=Range(0.0, 1.0, below=True))
    value: float | None = None

    def step(self, rewards: Tensor) -> Tensor:
        """The baselines of these rewards, both of shape (M,); then updates the average.

        Raises:
            ValueError: for rewards of another shape, or not finite, from which the average would never recover.
        """
        if rewards.dim() != 1 or not len(rewards) or not rewards.isfinite().all():
            raise ValueError(f"rewards must be finite and of shape (M,), got {rewards}")
        rewards = rewards.detach()
        mean = fsum(rewards.tolist()) / len(rewards)
        if self.value is None:
            self.value = mean
            return (rewards.sum() - rewards) / max(len(rewards) - 1, 1)
        baselines = torch.full_like(rewards, self.value)
        self.value = self.decay * self.value + (1 - self.decay) * mean
        return baselines

    def state_dict(self) -> dict[str, float | None]:
        """The state for a checkpoint, in plain values."""
        return {"decay": self.decay, "value": self.value}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned.

        Raises:
            ValueError: for other keys.
        """
        names = {attribute.name for attribute in fields(MovingBaseline)}
        if state.keys() != names:
            raise ValueError(f"a MovingBaseline has {', '.join(sorted(names))}, got {', '.join(sorted(state))}")
        self.decay, self.value = state["decay"], state["value"]


def mnasnet_reward(accuracy: _Value, cost: _Value, *, target: float, exponent: float = -0.07) -> _Value:
    """R = accuracy * (cost / target) ** exponent: at -0.07, twice the cost is worth 5% of the accuracy.

    Args:
        accuracy: of a net, or of several.
        cost: of the same nets, positive, in any unit.
        target: the cost at which the reward is the accuracy, in the same unit.
        exponent: the weight of the cost; negative.

    Raises:
        ValueError: for a target or a cost that is not positive.

    References:
        MnasNet, arXiv 1807.11626, equations 2 and 3 with alpha = beta.
    """
    _check_positive(target, cost)
    return accuracy * (cost / target) ** exponent  # type: ignore[no-any-return]


def absolute_reward(accuracy: _Value, cost: _Value, *, target: float, beta: float = -0.07) -> _Value:
    """R = accuracy + beta * |cost / target - 1|: the best nets cost as much as the target, neither more nor less.

    Args:
        accuracy: of a net, or of several.
        cost: of the same nets, positive, in any unit.
        target: the desired cost, in the same unit.
        beta: what the reward changes by where the cost is off by 100% of the target; negative.

    Raises:
        ValueError: for a target or a cost that is not positive, or a beta that is not negative.

    References:
        TuNAS, arXiv 2008.06120: the absolute reward function.
    """
    _check_positive(target, cost)
    if not beta < 0:
        raise ValueError(f"beta must be negative, got {beta}: a net off the target would be rewarded")
    return accuracy + beta * abs(cost / target - 1)


def _check_positive(target: float, cost: float | Tensor) -> None:
    if not target > 0:
        raise ValueError(f"target must be positive, got {target}")
    if not bool((torch.as_tensor(cost) > 0).all()):
        raise ValueError(f"costs must be positive, got {cost}")
