"""Slow, obvious versions of the gates: every candidate in one graph, and autograd does the rest."""

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor, nn


@frozen(eq=False)
class GivenGates:
    """sum_j g_j o_j(x) for gates that are given, each candidate run from the same random state."""

    gates: Tensor
    active: int

    @property
    def members(self) -> range:
        return range(len(self.gates))

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, x: Tensor) -> Tensor:
        return mixture(candidates, self.gates, self.active, x)

    def probs(self, alpha: Tensor) -> Tensor:
        return alpha.softmax(dim=0)

    def settle(self, alpha: Tensor, before: Tensor) -> None:
        pass


@frozen
class StraightThrough:
    """Gates that are one-hot in the forward pass and probabilities in the backward pass, over some candidates.

    `among` are the candidates that share the probability, the active one among them: all for the exact gradient, two
    for two-path.
    """

    active: int
    among: tuple[int, ...]

    @property
    def members(self) -> tuple[int, ...]:
        return self.among

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, x: Tensor) -> Tensor:
        probs = alpha[list(self.among)].softmax(dim=0)
        position = self.among.index(self.active)
        one_hot = nn.functional.one_hot(torch.tensor(position), len(self.among)).to(probs.dtype)
        return mixture([candidates[member] for member in self.among], one_hot + probs - probs.detach(), position, x)

    def probs(self, alpha: Tensor) -> Tensor:
        return alpha.softmax(dim=0)

    def settle(self, alpha: Tensor, before: Tensor) -> None:
        pass


def mixture(candidates: Sequence[nn.Module], gates: Tensor, active: int, x: Tensor) -> Tensor:
    """sum_j g_j o_j(x), summed in the type of the gates and returned in that of the active candidate's output."""
    state = torch.get_rng_state()
    outputs: dict[int, Tensor] = {}
    # The active candidate comes last, so that what follows sees the random state that it left.
    for index in (*(index for index in range(len(candidates)) if index != active), active):
        torch.set_rng_state(state)
        outputs[index] = candidates[index](x)
    total = sum(gates[index] * outputs[index].to(gates.dtype) for index in range(len(candidates)))
    assert isinstance(total, Tensor)
    return total.to(outputs[active].dtype)
