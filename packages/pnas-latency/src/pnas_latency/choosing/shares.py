"""A problem in floating-point numbers, as shares of its rooms, and the candidates that its relaxations leave."""

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from pnas_latency.choosing.problem import Problem
from pnas_latency.choosing.relaxation import MARGIN, FloatRows, Floats, Relaxation, relaxation


@frozen(eq=False)
class Shares:
    """The problem as relaxations take it: every room is 1.

    Attributes:
        costs: to be minimized, as shares of the most that is allowed, by block and candidate.
        needs: the shares of each room.
        weights: of the rooms, adding up to 1, such that their weighted sum bounds best.
    """

    costs: FloatRows
    needs: Sequence[FloatRows]
    weights: Floats

    def relaxations(self) -> list[Relaxation]:
        """One relaxation for each room and, where there are several, one for their weighted sum."""
        return [relaxation(self.costs, needs) for needs in self._with_mixture()]

    def hopeful(self) -> list[list[int]]:
        """The candidates of each block that may be part of some affordable choice.

        By the Lagrangian bound, to which a candidate adds what its cost + slope * need exceeds the least of its block.
        """
        kept = [[True] * len(row) for row in self.costs]
        for needs in self._with_mixture():
            slope = relaxation(self.costs, needs).slope()
            priced = [np.add(cost, np.multiply(slope, need)) for cost, need in zip(self.costs, needs, strict=True)]
            least = np.array([row.min() for row in priced])
            allowed = 1 + slope - least.sum() + MARGIN * (1 + slope + sum(row.max() for row in priced))
            kept = [[*(row - low <= allowed) & some] for row, low, some in zip(priced, least, kept, strict=True)]
        return [[i for i, hope in enumerate(row) if hope] for row in kept]

    def _with_mixture(self) -> list[FloatRows]:
        if len(self.needs) < 2:
            return [*self.needs]
        return [*self.needs, [[*(self.weights @ np.array(rows))] for rows in zip(*self.needs, strict=True)]]


def shares_of(problem: Problem) -> Shares:
    """The shares of a reduced problem."""
    costs, *needs = (
        [[cost / max(room, 1) for cost in row] for row in rows]
        for rows, room in zip(problem.costs, problem.rooms, strict=True)
    )
    return Shares(costs, needs, _weights(costs, needs))


def _weights(costs: FloatRows, needs: Sequence[FloatRows]) -> Floats:
    """What a share of each room is worth in the linear relaxation of the problem. Any weights would be valid."""
    equal = np.full(len(needs), 1 / max(len(needs), 1))
    if len(needs) < 2:
        return equal
    from scipy.optimize import linprog

    blocks = np.repeat(np.arange(len(costs)), [len(row) for row in costs])
    result = linprog(
        np.concatenate(costs),
        A_ub=np.array([np.concatenate(rows) for rows in needs]),
        b_ub=np.ones(len(needs)),
        A_eq=(blocks == np.arange(len(costs))[:, None]).astype(np.float64),
        b_eq=np.ones(len(costs)),
    )
    if result.status != 0:
        return equal
    worth = np.maximum(-result.ineqlin.marginals, 0.0)
    return worth / worth.sum() if worth.any() else equal
