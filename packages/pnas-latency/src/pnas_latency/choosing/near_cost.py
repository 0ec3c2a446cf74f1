"""Random nets of about one cost, each as probable as any other."""

from collections.abc import Collection, Sequence
from math import floor, fsum

import numpy as np
import torch
from numpy.typing import NDArray

from pnas_latency.metrics.joint import Joint, Step
from pnas_latency.metrics.metric import Metric
from pnas_latency.metrics.priced_terms import PricedTerm
from pnas_ops import AnyNet, AnySpace, HasConditions, Range

_BINS = 5000
"""From the end of the space to the far end of the band: with fewer, more of what is drawn is outside of the band."""
_NARROWEST = float(np.finfo(np.float64).tiny)
"""Width of a bin: what is less has fewer digits, down to none."""
_ROUNDING = 1e-6
"""Of a quotient of floats."""
_IN_VAIN = 500
"""Draws without a new net, after which there is taken to be none."""

Array = NDArray[np.float64]


class NearCost:
    """The nets of a space whose cost is within a share of a given one, to draw from.

    Each draw is uniform over them, however few of all nets they are. The terms of a cost are rounded to whole bins, and
    the ways to spend each number of bins are counted choice by choice, from the last one back, as a knapsack is filled.
    Then a net is drawn choice by choice from the first one on, each option with a probability in proportion to how many
    nets take it. Where rounding has let in a net that is outside of the band, another one is drawn.

    Args:
        space: of the nets.
        metric: the cost, a sum over workloads, as `Metric.reckoned` has it.
        cost: what they are to cost.
        tolerance: how far from it they may be, as a share of it.

    Attributes:
        lowest, highest: what they cost.

    Raises:
        ValueError: for a metric that is no sum, and a cost or a tolerance that is not above 0.
        UnknownCostError: as `Metric.priced`.
    """

    def __init__(self, space: AnySpace, metric: Metric, cost: float, *, tolerance: float) -> None:
        for name, value in (("cost", cost), ("tolerance", tolerance)):
            if value not in Range(0.0, 1e18, above=True):
                raise ValueError(f"{name} must be a number above 0, got {value!r}")
        if metric.combine != "sum":
            raise ValueError(f"{metric.name} is no sum over a net's workloads, whose nets could be counted")
        self._space = space
        self.lowest, self.highest = cost * (1 - tolerance), cost * (1 + tolerance)
        fixed, terms = metric.priced(space)
        self._base = fsum([metric.constant, *fixed])
        self._costs = [[fsum(row) for row in term.costs] for term in terms]
        self._rows = Joint(tuple(space.options), tuple(term.choices for term in terms)).rows
        least, most = (self._base + fsum(map(end, self._costs)) for end in (min, max))
        # Counted from the nearer end, where nets are few, and rounded towards it: most nets in sight are in the band.
        if cost - least <= most - cost:
            apart = [np.array(costs) - min(costs) for costs in self._costs]
            low, high = self.lowest - least, self.highest - least
        else:
            apart = [max(costs) - np.array(costs) for costs in self._costs]
            low, high = most - self.highest, most - self.lowest
        bins, width = (_BINS, max(high / (_BINS - 1), _NARROWEST)) if high > 0 else (1, self.highest)
        # Each term is rounded down by less than a width.
        self._first = max(0, floor(max(0.0, low) / width) - len(terms)) if high >= 0 else bins
        # What is far beyond the band is far, however many widths it is.
        shifts = [np.floor(np.minimum(one, bins * width) / width + _ROUNDING).astype(np.int64) for one in apart]
        self._joint, tables = _with_conditions(space, terms, shifts, never=bins)
        self._steps = self._joint.steps()
        complete = (self._joint.complete_at(step, tables, join=np.add) for step in self._steps)
        self._shifts = [shifts.astype(np.int64) for shifts in complete]
        self._ways = self._counted(bins)

    def draw(self, generator: torch.Generator, *, apart_from: Collection[tuple[int, ...]] = ()) -> AnyNet | None:
        """A random net, all that are within the share being equally probable.

        Args:
            generator: on the CPU; the same state gives the same net.
            apart_from: choices of nets that are not to be drawn.

        Returns:
            The net; None where there is no other, or none is found.
        """
        for _ in range(_IN_VAIN):
            choices = self._draw(generator)
            if choices is None:
                return None
            if choices in apart_from:
                continue
            rows = zip(self._costs, self._rows(choices), strict=True)
            cost = self._base + fsum(costs[row] for costs, row in rows)
            if self.lowest <= cost <= self.highest:
                return self._space.architecture(choices)
        return None

    def _counted(self, bins: int) -> list[Array]:
        """For each step, and the end: the logarithm of how many ways there are to spend so many widths from there on.

        Of 7^648 nets no number of a computer holds a count, and their logarithms are as good.
        """
        ways = [np.full(bins, -np.inf)]
        ways[0][:1] = 0.0
        for step, shifts in zip(reversed(self._steps), reversed(self._shifts), strict=True):
            counted = np.full((*self._joint.shape(step.before), bins), -np.inf)
            for options, shift in np.ndenumerate(shifts):
                if shift < bins:
                    row = counted[options[:-1]]
                    np.logaddexp(row[shift:], _of_axes(ways[0], step, options)[: bins - shift], out=row[shift:])
            ways.insert(0, counted)
        return ways

    def _draw(self, generator: torch.Generator) -> tuple[int, ...] | None:
        sums = self._ways[0][self._first :]
        if not np.isfinite(sums).any():
            return None
        left = self._first + _drawn(sums, generator)
        chosen: dict[int, int] = {}
        for step, shifts, ways in zip(self._steps, self._shifts, self._ways[1:], strict=True):
            before = tuple(chosen[number] for number in step.before)
            counts = [
                _of_axes(ways, step, (*before, option))[left - shift] if shift <= left else -np.inf
                for option, shift in enumerate(shifts[before])
            ]
            option = _drawn(np.array(counts), generator)
            chosen[step.choice] = option
            left -= int(shifts[(*before, option)])
        return tuple(chosen[number] for number in range(len(chosen)))


def _with_conditions(
    space: AnySpace, terms: Sequence[PricedTerm], shifts: Sequence[NDArray[np.int64]], *, never: int
) -> tuple[Joint, list[NDArray[np.int64]]]:
    """Terms with what they add; where a choice means nothing, all but its first option add more than there may be."""
    options = tuple(space.options)
    scopes = [term.choices for term in terms]
    tables = list(shifts)
    for number, condition in enumerate(space.conditions() if isinstance(space, HasConditions) else ()):
        if condition is not None:
            table = np.full((options[condition.choice], options[number]), never, dtype=np.int64)
            table[:, 0] = 0
            table[sorted(condition.options)] = 0
            scopes.append((condition.choice, number))
            tables.append(table)
    joint = Joint(options, tuple(scopes))
    return joint, [table.reshape(joint.shape(scope)) for table, scope in zip(tables, scopes, strict=True)]


def _of_axes(ways: Array, step: Step, options: Sequence[int]) -> Array:
    """The counts behind a step whose `axes` take these options."""
    return np.asarray(ways[tuple(options[step.axes.index(number)] for number in step.after)])


def _drawn(logarithms: Array, generator: torch.Generator) -> int:
    """A position, as often as its count says."""
    weights = torch.from_numpy(np.exp(logarithms - logarithms.max()))
    return int(weights.multinomial(1, generator=generator))
