"""Lower bounds on the cost of the rest of a choice: the linear relaxation, which may take fractions of candidates.

This relaxation of the multiple-choice knapsack is easy (Sinha and Zoltners, 1979): every block moves along the lower
convex hull of its candidates, the steepest step of all first. The cost is a convex function of the room.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FloatRows = Sequence[Sequence[float]]

MARGIN = 1e-12
"""Slack for a sum of shares: far more than its rounding error, which is some 1e-16 for each term."""


def widened_by_rounding(shares: Floats) -> Floats:
    """Upper bounds on the exact shares, the smallest of which underflow."""
    return shares * (1 + MARGIN) + 1e-300


@frozen(eq=False)
class Relaxation:
    """The least cost of the blocks that are left to choose, as a function of the room left for them.

    Attributes:
        steps: the rooms where the slope of the function changes, and its values there: for all blocks, for all but the
            first, for all but the first two, and so on; the last is for no block.
    """

    steps: Sequence[tuple[Floats, Floats]]

    def at_least(self, chosen: int, room: Floats) -> Floats:
        """The least cost of all blocks but the first `chosen` ones."""
        rooms, costs = self.steps[chosen]
        return np.asarray(np.interp(widened_by_rounding(room), rooms, costs) - MARGIN * costs[0])

    def slope(self) -> float:
        """What one more share of the room is worth, where all blocks share a room of 1."""
        rooms, costs = self.steps[0]
        end = int(np.searchsorted(rooms, 1.0, side="right"))
        if end in (0, len(rooms)):
            return 0.0
        return float((costs[end - 1] - costs[end]) / (rooms[end] - rooms[end - 1]))


def relaxation(costs: FloatRows, needs: FloatRows) -> Relaxation:
    """The relaxation of one metric.

    Args:
        costs: to be minimized, by block and candidate; the least of each block is 0.
        needs: of the shared room, by block and candidate; the least of each block is 0.
    """
    hulls = [_hull(zip(*block, strict=True)) for block in zip(needs, costs, strict=True)]
    steps = np.array(
        [
            (block, right[0] - left[0], left[1] - right[1])
            for block, hull in enumerate(hulls)
            for left, right in pairwise(hull)
        ]
    ).reshape(-1, 3)
    with np.errstate(over="ignore"):  # a step of next to no room is as steep as can be
        steepness = steps[:, 2] / steps[:, 1]
    steps = steps[np.argsort(-steepness, kind="stable")]
    return Relaxation(
        [
            _summed(steps[steps[:, 0] >= chosen], sum(hull[0][0] for hull in left), sum(hull[-1][1] for hull in left))
            for chosen in range(len(hulls) + 1)
            for left in [hulls[chosen:]]
        ]
    )


def _summed(steps: Floats, need: float, least: float) -> tuple[Floats, Floats]:
    rooms = np.cumsum([need, *steps[:, 1]])
    # From the cheap end on, so that small numbers are as precise as large ones.
    costs = np.concatenate([[0.0], np.cumsum(steps[::-1, 2])])[::-1]
    return rooms, costs + least


def _hull(points: Iterable[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """The points (need, cost) of the lower convex hull, in descending order of cost."""
    hull: list[tuple[float, ...]] = []
    for need, cost in sorted(points):
        if hull and cost >= hull[-1][1]:
            continue
        while len(hull) > 1 and not _bends(hull[-2], hull[-1], (need, cost)):
            hull.pop()
        hull.append((need, cost))
    return hull


def _bends(first: tuple[float, ...], second: tuple[float, ...], third: tuple[float, ...]) -> bool:
    """Whether the second point is below the line from the first to the third."""
    return (first[1] - second[1]) * (third[0] - first[0]) > (first[1] - third[1]) * (second[0] - first[0])
