"""Partial choices, block by block: dynamic programming that keeps the most promising ones."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pnas_latency.choosing.bound import Choice
from pnas_latency.choosing.dominance import undominated
from pnas_latency.choosing.problem import Problem
from pnas_latency.choosing.relaxation import Floats, Relaxation, widened_by_rounding
from pnas_latency.choosing.shares import shares_of
from pnas_latency.choosing.wide import capped, differences, limbs_of, ranks, shares, widened


@frozen(kw_only=True)
class Found:
    """What partial choices have led to.

    Attributes:
        choice: the best one that was not given up, in the problem's candidate indices; None if there is none.
        lost: the largest share of the first room that a choice which was given up may leave; None where none was.
        labels: how many partial choices were visited.
    """

    choice: Choice | None
    lost: float | None
    labels: int


def search(problem: Problem, width: int) -> Found:
    """The best choice of a reduced problem; exact as long as no more than `width` partial choices are promising.

    A partial choice is a label: the rooms that it leaves. It is dropped if it exceeds a room, if a relaxation shows
    that it leads to nothing, or if another label leaves at least as much of every room. Room beyond what any remainder
    of a choice can fill does not count, so that labels become equal. Of more than `width` labels, the least promising
    are given up.
    """
    # Blocks that decide most come first: bounds on the rest are then tightest.
    order = sorted(range(len(problem.candidates)), key=lambda block: -_spread(problem, block))
    problem = problem.ordered(order)
    shared = shares_of(problem)
    relaxations = shared.relaxations()
    fillable = [[*accumulate((max(row) for row in reversed(rows)), initial=0)][::-1] for rows in problem.costs]
    rooms = [widened([room], limbs_of(room)) for room in problem.rooms]
    trail: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    lost: float | None = None
    labels = 0
    for block in range(len(order)):
        before = rooms[0].shape[1]
        rooms = [
            differences(room, widened(rows[block], len(room))) for room, rows in zip(rooms, problem.costs, strict=True)
        ]
        labels += rooms[0].shape[1]
        kept = np.flatnonzero(np.all([room[-1] >= 0 for room in rooms], 0))
        rooms = [room[:, kept] for room in rooms]
        rooms[1:] = [capped(room, most[block + 1]) for room, most in zip(rooms[1:], fillable[1:], strict=True)]
        hope = _hope(
            [shares(room, max(whole, 1)) for room, whole in zip(rooms, problem.rooms, strict=True)],
            relaxations,
            shared.weights,
            block + 1,
        )
        hopeful = np.flatnonzero(hope >= 0)
        hopeful = hopeful[undominated([-ranks(room[:, hopeful]) for room in rooms])]
        if len(hopeful) > width:
            hopeful = hopeful[np.argsort(-hope[hopeful], kind="stable")]
            lost = max(lost or 0.0, float(hope[hopeful[width]]))
            hopeful = hopeful[:width]
        if not len(hopeful):
            return Found(choice=None, lost=lost, labels=labels)
        rooms = [room[:, hopeful] for room in rooms]
        trail.append(np.divmod(kept[hopeful], before))
    best = int(np.argmax(ranks(rooms[0])))
    chosen = dict(zip(reversed(order), traced_back(trail, best), strict=True))
    return Found(choice=tuple(chosen[block] for block in range(len(order))), lost=lost, labels=labels)


def _spread(problem: Problem, block: int) -> float:
    """The largest share of a room that a candidate of a block needs."""
    return max(
        (max(rows[block]) / room for rows, room in zip(problem.costs[1:], problem.rooms[1:], strict=True)), default=0.0
    )


def _hope(rooms: Sequence[Floats], relaxations: Sequence[Relaxation], weights: Floats, chosen: int) -> Floats:
    """The largest share of the first room that the rest of a choice can leave; below 0 for what leads to nothing."""
    first, *needed = rooms
    if len(needed) > 1:
        needed.append(weights @ np.array(needed))
    least = [relaxation.at_least(chosen, room) for relaxation, room in zip(relaxations, needed, strict=True)]
    return np.asarray(widened_by_rounding(first) - np.max([np.zeros_like(first), *least], axis=0))


def traced_back(trail: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], label: int) -> Iterator[int]:
    """The candidates that led to a label, from the last block to the first."""
    for candidates, before in reversed(trail):
        yield int(candidates[label])
        label = int(before[label])
