"""What the terms of a space cost, and which net costs least."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from attrs import frozen

from pnas_latency.metrics.joint import Joint, Scope
from pnas_ops import CostTerm


@frozen
class PricedTerm:
    """A term with what it costs.

    Attributes:
        term: what is computed, and the choices that decide it.
        costs: of everything that each combination of options computes, one by one.
    """

    term: CostTerm
    costs: tuple[tuple[float, ...], ...]

    @property
    def choices(self) -> Scope:
        """The indices of the choices that decide it."""
        return self.term.choices

    def of(self, choices: Sequence[int]) -> tuple[float, ...]:
        """What it costs in the net with these choices, one for each choice of the space."""
        return self.costs[self.term.row(choices)]


def extreme_choices(terms: Sequence[PricedTerm], options: Sequence[int], *, most: bool, sums: bool) -> tuple[int, ...]:
    """The choices with the least, or the largest, exact total of terms; ties are always broken alike.

    Args:
        terms: of a space.
        options: how many each of its choices has.
        most: whether the largest total is asked for.
        sums: whether terms add up; where not, the largest of them counts.
    """
    joint = Joint(tuple(options), tuple(term.choices for term in terms))
    floor = min((cost for term in terms for costs in term.costs for cost in costs), default=0.0)
    tables = []
    for term in terms:
        table = np.empty(len(term.costs), dtype=object)
        # For maxima only the order counts, and an absent cost is below every other.
        table[:] = [sum(map(Fraction, costs), Fraction(0)) if sums else _rank(costs, floor) for costs in term.costs]
        tables.append(table.reshape(joint.shape(term.choices)))
    return joint.best_choice(
        tables,
        best=np.max if most else np.min,
        pick=np.argmax if most else np.argmin,
        join=np.add if sums else np.maximum,
    )


def _rank(costs: Sequence[float], floor: float) -> Fraction:
    """The largest of some costs, none below the floor, as a number that is above 0; 0 where there is none."""
    return 1 + Fraction(max(costs)) - Fraction(floor) if costs else Fraction(0)
