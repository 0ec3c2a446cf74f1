"""Paths on which every candidate learns equally often: strict fairness (FairNAS, arXiv 1907.01845, section 3.2)."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from pnas_supernet.gates.mixed_op import mixed_ops
from pnas_supernet.gates.path import SinglePath
from pnas_supernet.gates.sampling import alphas_on_cpu


class FairPaths:
    """Draws paths such that of N candidates of a choice each is taken just once in every N steps, in random order.

    Between two candidates the numbers of their steps thus never differ by more than 1, whereas with uniform paths the
    difference grows as the root of the number of steps. (FairNAS adds up the gradients of N paths for one step of the
    optimizer; here each path has a step of its own, since choices may have different numbers of candidates.) A
    candidate that alpha = -inf bans is left out.
    """

    def __init__(self) -> None:
        self._left: list[list[int]] = []

    def draw(self, network: nn.Module, generator: torch.Generator) -> tuple[SinglePath, ...]:
        """One path for every `MixedOp` of `network`, the same one for those that share a choice.

        Args:
            network: the same one each time.
            generator: on the CPU; shuffles the candidates of a choice when all of them have had their turn.
        """
        values = alphas_on_cpu(network)
        self._left = self._left or [[] for _ in values]
        drawn = {}
        for left, (alpha, value) in zip(self._left, values.items(), strict=True):
            allowed = [candidate for candidate, number in enumerate(value.tolist()) if number != -math.inf]
            left[:] = [candidate for candidate in left if candidate in allowed] or _shuffled(allowed, generator)
            drawn[alpha] = SinglePath(left.pop())
        return tuple(drawn[op.alpha] for op in mixed_ops(network))

    def state_dict(self) -> list[list[int]]:
        """For each choice, the candidates that are still to have their turn, the next one last; empty at first."""
        return [[*left] for left in self._left]

    def load_state_dict(self, state: Sequence[Sequence[int]]) -> None:
        """Goes on from what `state_dict` returned."""
        self._left = [[*left] for left in state]


def _shuffled(candidates: Sequence[int], generator: torch.Generator) -> list[int]:
    if not candidates:
        raise ValueError("every candidate of a MixedOp is banned by alpha = -inf: leave it one")
    return [candidates[index] for index in torch.randperm(len(candidates), generator=generator).tolist()]
