"""Probabilities and limits, prepared for finding the most probable choice."""

from collections.abc import Sequence
from decimal import Context, Decimal
from fractions import Fraction
from math import inf

import torch
from attrs import frozen
from torch import Tensor

from pnas_latency.choosing.bound import Bound
from pnas_latency.choosing.limit import Limit
from pnas_latency.metrics.sharing import Shared, blocks_by_choice
from pnas_ops import AnySpace

# The precision of logarithms: unequal products of probabilities differ within it, except by accident.
_EXACTLY = Context(prec=40)


@frozen(kw_only=True, eq=False)
class Weighed:
    """How unlikely each option of each choice is, and what may be chosen.

    Attributes:
        groups: the blocks of each choice.
        unlikely: -log(probability) of each option; 0 for those of probability 0.
        resorts: 1 for options of probability 0, the last resorts, and 0 for the others. These are two objectives, not
            one with a large penalty for zeros, since a relaxation would take a fraction of the penalty.
        bounds: over the options of choices.
    """

    groups: Sequence[Sequence[int]]
    unlikely: Sequence[Sequence[Fraction]]
    resorts: Sequence[Sequence[float]]
    bounds: Sequence[Bound]

    @classmethod
    def of(cls, probs: Sequence[Tensor], space: AnySpace, limits: Sequence[Limit], shared: Shared) -> "Weighed":
        """The problem that `choose_within_budget` solves.

        Raises:
            ValueError, LookupError: as it raises them.
        """
        blocks = _checked(probs, space)
        groups = blocks_by_choice(shared, [len(row) for row in blocks])
        values = [_of_choice(group, blocks) for group in groups]
        return cls(
            groups=groups,
            unlikely=[[unlikelihood(p) if p else Fraction(0) for p in row] for row in values],
            resorts=[[float(p == 0) for p in row] for row in values],
            bounds=[bound.of_choices(groups) for limit in limits for bound in limit.bounds(space)],
        )

    def of_blocks(self, choice: Sequence[int]) -> list[int]:
        """The candidate of each block, from the option of each choice."""
        taken = {block: option for option, group in zip(choice, self.groups, strict=True) for block in group}
        return [taken[block] for block in sorted(taken)]


def unlikelihood(probability: float) -> Fraction:
    """-log(probability), to forty digits: a choice whose sum of these is least has the largest product."""
    return -Fraction(_EXACTLY.ln(Decimal(probability)))


def _of_choice(group: Sequence[int], blocks: Sequence[list[float]]) -> list[float]:
    first, *others = group
    for other in others:
        if blocks[other] != blocks[first]:
            raise ValueError(f"blocks {first} and {other} share their choice, but have different probabilities")
    return blocks[first]


def _checked(probs: Sequence[Tensor], space: AnySpace) -> list[list[float]]:
    """The probabilities in double precision, since float32 underflows earlier."""
    if len(probs) != len(space.options):
        raise ValueError(
            f"got probabilities of {len(probs)} blocks, space {space.name!r} has {len(space.options)} searched ones"
        )
    for index, (p, count) in enumerate(zip(probs, space.options, strict=True)):
        if p.shape != (count,):
            raise ValueError(f"block {index} has probabilities of shape {tuple(p.shape)} and {count} candidates")
    rows = [p.detach().to("cpu", torch.float64).tolist() for p in probs]
    for index, row in enumerate(rows):
        if not all(0 <= value < inf for value in row):
            raise ValueError(f"block {index} has probabilities that are negative or not finite: {row}")
    return rows
