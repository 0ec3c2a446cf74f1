"""Sampled paths as values: which candidate is run, and which gates a gradient reaches.

With p = softmax(alpha), binary gates g ~ Multinomial(p) and candidates o_1..o_N, the output is sum_i g_i o_i(x): the
active candidate's (ProxylessNAS, eq. 2 and 3).
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from attrs import field, frozen
from attrs.validators import ge
from torch import Tensor, nn

from pnas_supernet.gate_gradient import gated_output


class Path(Protocol):
    """What a `MixedOp` does with its candidates until another path is active."""

    @property
    def members(self) -> Sequence[int]:
        """The candidates that this path names, the active one first."""

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, x: Tensor) -> Tensor:
        """The output for the input `x`."""

    def probs(self, alpha: Tensor) -> Tensor:
        """Probabilities of all candidates, shape (N,), differentiable where this path lets alpha learn."""

    def settle(self, alpha: Tensor, before: Tensor) -> None:
        """Mends `alpha` in place after an optimizer's step from the values `before`, where the path asks for it."""


@frozen
class SinglePath:
    """The active candidate alone, as an ordinary layer: no gradient reaches alpha."""

    active: int = field(validator=ge(0))

    @property
    def members(self) -> tuple[int, ...]:
        return (self.active,)

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, x: Tensor) -> Tensor:
        output: Tensor = candidates[self.active](x)
        return output

    def probs(self, alpha: Tensor) -> Tensor:
        return alpha.softmax(dim=0)

    def settle(self, alpha: Tensor, before: Tensor) -> None:
        pass


@frozen
class ExactGate(SinglePath):
    """The active candidate in the forward pass; the gate gradient of all N candidates in the backward pass (eq. 4).

    Costs the memory of one path: backward evaluates the other candidates one at a time, without a graph.
    """

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, x: Tensor) -> Tensor:
        return gated_output(alpha.softmax(dim=0), candidates, self.active, x)


@frozen
class TwoPathGate(SinglePath):
    """The active candidate against one other: the gate gradient of that pair alone (section 3.2.1).

    The pair shares out the probability that it had; every other candidate keeps its own.
    """

    other: int = field(validator=ge(0))

    @property
    def members(self) -> tuple[int, ...]:
        return (self.active, self.other)

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, x: Tensor) -> Tensor:
        pair_probs = alpha[list(self.members)].softmax(dim=0)
        return gated_output(pair_probs, [candidates[member] for member in self.members], 0, x)

    def probs(self, alpha: Tensor) -> Tensor:
        members = torch.tensor(self.members, device=alpha.device)
        probs = alpha.softmax(dim=0).detach()
        return probs.index_copy(0, members, probs[members].sum() * alpha[members].softmax(dim=0))

    def settle(self, alpha: Tensor, before: Tensor) -> None:
        """Undoes what the optimizer did to the others, and shifts the pair back to its joint probability."""
        members = list(self.members)
        stepped = alpha.detach()[members].double()
        drift = stepped.logsumexp(dim=0) - before[members].double().logsumexp(dim=0)
        with torch.no_grad():
            alpha.copy_(before)
            alpha[members] = (stepped - drift).to(alpha.dtype)


Sampler = Callable[[Tensor, torch.Generator], Path]
"""Draws a path from the architecture parameters of one `MixedOp`, shape (N,), on the CPU."""


def sample_uniform(alpha: Tensor, generator: torch.Generator) -> SinglePath:
    """Every candidate with the same probability: the warm-up of the weights."""
    return SinglePath(_draw(torch.zeros_like(alpha), generator))


def sample_single(alpha: Tensor, generator: torch.Generator) -> SinglePath:
    """Candidate i with probability p_i: a step of the weights."""
    return SinglePath(_draw(alpha, generator))


def sample_exact_gate(alpha: Tensor, generator: torch.Generator) -> ExactGate:
    """Candidate i with probability p_i, and a gradient for every gate."""
    return ExactGate(_draw(alpha, generator))


def sample_two_path_gate(alpha: Tensor, generator: torch.Generator) -> SinglePath:
    """Two candidates by Multinomial(p) without replacement, of which one by their renormalized probabilities.

    A single candidate has nothing to be weighed against: it is returned as a `SinglePath`.
    """
    if len(alpha) == 1:
        return SinglePath(0)
    pair = alpha.double().softmax(dim=0).multinomial(2, generator=generator)
    first = _draw(alpha[pair], generator)
    active, other = int(pair[first]), int(pair[1 - first])
    return TwoPathGate(active, other)


def _draw(alpha: Tensor, generator: torch.Generator) -> int:
    # Probabilities in float64: a float32 softmax can round a rare candidate to zero.
    return int(alpha.double().softmax(dim=0).multinomial(1, generator=generator))
