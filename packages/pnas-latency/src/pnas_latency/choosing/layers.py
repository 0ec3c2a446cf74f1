"""Choices that decide costs together, as layers of states: what is remembered, and what each option then costs."""

from collections.abc import Sequence
from math import prod

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pnas_latency.choosing.bound import IntRows
from pnas_latency.choosing.relaxation import Floats
from pnas_latency.choosing.wide import Wide, caps, limbs_of, widened
from pnas_latency.metrics.joint import Joint, Step, Table, spread


@frozen(eq=False)
class Layer:
    """The options of one choice, for each state. A state is the earlier options that are still needed.

    Attributes:
        options: how many there are.
        costs: by metric, of each state and option (this changes fastest), above the cheapest way from the state on.
        shares: the same, as shares of the metric's room.
        after: the state that each leads to.
        fillable: by metric, the most that what follows can cost, for each state after.
    """

    options: int
    costs: Sequence[Wide]
    shares: Sequence[Floats]
    after: NDArray[np.int64]
    fillable: Sequence[Wide]


@frozen(eq=False)
class LayeredProblem:
    """One option of each choice, such that in each metric the terms add up to no more than the room.

    Attributes:
        joint: which choices decide each term.
        steps: the choices in order.
        added: by metric and step, what each option adds in each state, exactly, above the cheapest way from it on.
        least: by metric, the least sum of all terms.
    """

    joint: Joint
    steps: tuple[Step, ...]
    added: Sequence[Sequence[Table]]
    least: Sequence[int]

    @classmethod
    def of(cls, joint: Joint, metrics: Sequence[Sequence[Sequence[int]]]) -> "LayeredProblem":
        """The problem.

        Args:
            joint: which choices decide each term.
            metrics: by metric and term, the cost of each combination; the first metric is minimized.
        """
        steps = joint.steps()
        added, least = [], []
        for rows in metrics:
            tables = [
                np.array(row, dtype=object).reshape(joint.shape(scope))
                for row, scope in zip(rows, joint.scopes, strict=True)
            ]
            to_come = joint.to_come(steps, tables, best=np.min, join=np.add)
            least.append(int(to_come[0][()]))
            added.append(
                [
                    joint.complete_at(step, tables, join=np.add) + spread(after, step.after, step.axes) - now[..., None]
                    for step, now, after in zip(steps, to_come[:-1], to_come[1:], strict=True)
                ]
            )
        return cls(joint, steps, added, least)

    @classmethod
    def joined(cls, sums: Sequence[tuple[Joint | None, IntRows]], *, options: Sequence[int]) -> "LayeredProblem":
        """The problem of sums over the same choices, some with terms that several choices decide together.

        Args:
            sums: by metric, which choices decide each of its terms (None: each choice has a term of its own); and the
                costs of each.
            options: how many each choice has.
        """
        alone = Joint(tuple(options), tuple((number,) for number in range(len(options))))
        found = [dict(zip((joint or alone).scopes, rows, strict=True)) for joint, rows in sums]
        scopes = tuple(dict.fromkeys(scope for of_one in found for scope in of_one))
        together = Joint(alone.options, scopes)
        return cls.of(
            together, [[of_one.get(scope, [0] * prod(together.shape(scope))) for scope in scopes] for of_one in found]
        )

    def layers(self, rooms: Sequence[int]) -> list[Layer]:
        """The layers, for what is left of each room above the least."""
        fillable = [self._fillable(tables) for tables in self.added]
        return [
            Layer(
                options=self.joint.options[step.choice],
                # How far a cost is above the room makes no difference.
                costs=[
                    widened([min(cost, room + 1) for cost in tables[index].ravel()], limbs_of(room + 1))
                    for tables, room in zip(self.added, rooms, strict=True)
                ],
                shares=[
                    np.array([min(cost, room + 1) / max(room, 1) for cost in tables[index].ravel()])
                    for tables, room in zip(self.added, rooms, strict=True)
                ],
                after=self._states_after(step),
                fillable=[
                    caps([int(most) for most in table[index + 1].ravel()], limbs_of(room + 1))
                    for table, room in zip(fillable, rooms, strict=True)
                ],
            )
            for index, step in enumerate(self.steps)
        ]

    def _fillable(self, tables: Sequence[Table]) -> list[Table]:
        """The most that each step and all after it can add, for each state."""
        found = [np.zeros((), dtype=object)]
        for step, table in zip(reversed(self.steps), reversed(tables), strict=True):
            found.insert(0, np.asarray(np.max(table + spread(found[0], step.after, step.axes), axis=-1)))
        return found

    def _states_after(self, step: Step) -> NDArray[np.int64]:
        numbered = np.arange(np.prod(self.joint.shape(step.after), dtype=np.int64))
        table = spread(numbered.reshape(self.joint.shape(step.after)), step.after, step.axes)
        return np.broadcast_to(table, self.joint.shape(step.axes)).ravel()
