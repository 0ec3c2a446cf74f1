"""Paths as values: which candidates are run, how alpha gets its gradient, and how paths are sampled."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from attrs import field, frozen
from attrs.validators import ge
from torch import Tensor, nn

from pnas_supernet.gates.estimators import gated_output, mixture_output, sum_output, two_path_output


class GatePath(Protocol):
    """What a `MixedOp` does with its candidates while this path is active."""

    @property
    def members(self) -> Sequence[int]:
        """The candidates that this path may run."""

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, *inputs: Any, **named: Any) -> Any:
        """The output for these inputs, which are those of a candidate."""

    def probs(self, alpha: Tensor) -> Tensor:
        """Probabilities of all candidates, shape (N,), differentiable if alpha learns with this path."""


@runtime_checkable
class SettlingPath(GatePath, Protocol):
    """A path that corrects alpha after an optimizer's step."""

    def settle(self, alpha: Tensor, before: Tensor) -> None:
        """Corrects `alpha`, which is on the CPU, in place after a step from the values `before`."""


@frozen
class SinglePath:
    """Only the active candidate, as an ordinary layer: no gradient reaches alpha."""

    active: int = field(validator=ge(0))

    @property
    def members(self) -> tuple[int, ...]:
        return (self.active,)

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, *inputs: Any, **named: Any) -> Any:
        return candidates[self.active](*inputs, **named)

    def probs(self, alpha: Tensor) -> Tensor:
        return alpha.softmax(dim=0)


@frozen
class ExactGate(SinglePath):
    """The active candidate in the forward pass; the gate gradient of all N candidates in the backward pass (eq. 4)."""

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, *inputs: Any, **named: Any) -> Any:
        return gated_output(alpha, candidates, self.active, *inputs, **named)


@frozen
class TwoPathGate(SinglePath):
    """The active candidate against one other: the gate gradient of this pair only (section 3.2.1).

    The pair keeps its joint probability, and every other candidate its own.
    """

    other: int = field(validator=ge(0))

    @property
    def members(self) -> tuple[int, ...]:
        return (self.active, self.other)

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, *inputs: Any, **named: Any) -> Any:
        return two_path_output(alpha, candidates, self.active, self.other, *inputs, **named)

    def probs(self, alpha: Tensor) -> Tensor:
        probs = alpha.softmax(dim=0).detach()
        # Member by member: a tensor of indices would have to wait for the device.
        joint = torch.stack([probs[member] for member in self.members]).sum()
        shares = torch.stack([alpha[member] for member in self.members]).softmax(dim=0)
        for member, share in zip(self.members, joint * shares, strict=True):
            probs = probs.select_scatter(share, dim=0, index=member)
        return probs

    def settle(self, alpha: Tensor, before: Tensor) -> None:
        """Undoes what the optimizer did to the others, and shifts the pair back to its joint probability."""
        # In Python numbers: double precision, and much faster than a dozen operators on tensors this small.
        settled, stepped = before.tolist(), alpha.tolist()
        drift = _logaddexp(*(stepped[member] for member in self.members)) - _logaddexp(
            *(settled[member] for member in self.members)
        )
        for member in self.members:
            settled[member] = stepped[member] - drift
        with torch.no_grad():
            alpha.copy_(torch.tensor(settled, dtype=alpha.dtype))


@frozen
class Mixture:
    """All `count` candidates, weighted by their probabilities: the relaxation of DARTS, as a baseline."""

    count: int = field(validator=ge(1))

    @property
    def members(self) -> range:
        return range(self.count)

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, *inputs: Any, **named: Any) -> Any:
        return mixture_output(alpha, candidates, *inputs, **named)

    def probs(self, alpha: Tensor) -> Tensor:
        return alpha.softmax(dim=0)


@frozen
class OneShotSum(Mixture):
    """The plain sum of all `count` candidates: the One-Shot model, as a baseline; no gradient reaches alpha."""

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, *inputs: Any, **named: Any) -> Any:
        return sum_output(candidates, *inputs, **named)


Sampler = Callable[[Tensor, torch.Generator], GatePath]
"""Draws a path from the architecture parameters of one choice, shape (N,), on the CPU; never one with alpha = -inf."""


def sample_uniform(alpha: Tensor, generator: torch.Generator) -> SinglePath:
    """Every candidate not banned by alpha = -inf with the same probability: the warm-up of the weights."""
    return SinglePath(_draw(alpha.where(alpha.isneginf(), 0.0), generator))


def sample_single(alpha: Tensor, generator: torch.Generator) -> SinglePath:
    """Candidate i with probability p_i: a step of the weights."""
    return SinglePath(_draw(alpha, generator))


def sample_exact_gate(alpha: Tensor, generator: torch.Generator) -> ExactGate:
    """Candidate i with probability p_i, and a gradient for every gate."""
    return ExactGate(_draw(alpha, generator))


def sample_two_path_gate(alpha: Tensor, generator: torch.Generator) -> SinglePath:
    """Two candidates by Multinomial(p) without replacement, one of them active by their renormalized probabilities.

    If only one candidate is left, there is no pair: it is returned as a `SinglePath`.
    """
    probs = _probs(alpha)
    if int(probs.count_nonzero()) == 1:
        return SinglePath(int(probs.argmax()))
    pair = probs.multinomial(2, generator=generator)
    active = int(probs[pair].multinomial(1, generator=generator))
    first, second = pair.tolist()
    return TwoPathGate(second, first) if active else TwoPathGate(first, second)


def take_mixture(alpha: Tensor, generator: torch.Generator) -> Mixture:
    """All candidates, mixed as in DARTS; nothing is drawn."""
    return Mixture(len(alpha))


def take_sum(alpha: Tensor, generator: torch.Generator) -> OneShotSum:
    """All candidates, added as in One-Shot; nothing is drawn."""
    return OneShotSum(len(alpha))


def _logaddexp(a: float, b: float) -> float:
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


def _draw(alpha: Tensor, generator: torch.Generator) -> int:
    return int(_probs(alpha).multinomial(1, generator=generator))


def _probs(alpha: Tensor) -> Tensor:
    numbers = alpha.tolist()  # Python numbers, which are faster than operators on tensors this small
    if not all(number < math.inf for number in numbers):  # False for NaN too
        raise ValueError(
            f"no path can be drawn by alpha = {numbers}: give every candidate a finite number, or -inf to ban it"
        )
    if max(numbers) == -math.inf:
        raise ValueError("every candidate of a MixedOp is banned by alpha = -inf: leave it one")
    # In float64: a float32 softmax can round a rare candidate to zero.
    return alpha.double().softmax(dim=0)
