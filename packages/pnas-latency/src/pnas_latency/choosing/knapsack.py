"""The best choice of one candidate for each block under bounds on sums: a multiple-choice knapsack.

Where several blocks decide costs together, it is a resource-constrained shortest path through layers of states.

It is solved in whole numbers, to which bounds on rounded sums of floating-point numbers are converted: no choice is
taken that breaks a bound by the last bit, and none is lost.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, inf

from attrs import evolve, frozen

from pnas_latency.choosing.bound import Bound, Choice, Rows, whole_numbers
from pnas_latency.choosing.joint_labels import search_layers
from pnas_latency.choosing.labels import search
from pnas_latency.choosing.layers import LayeredProblem
from pnas_latency.choosing.prices import prices_of
from pnas_latency.choosing.problem import Problem
from pnas_latency.choosing.shares import shares_of
from pnas_latency.metrics.joint import Joint

MOST_LABELS = 6_000_000
"""How many partial choices are visited before the best choice so far is accepted: some ten seconds."""

_FIRST_WIDTH = 64
_WIDENED = 8


@frozen(kw_only=True)
class Solution:
    """The best choice found, and what is known about the others.

    Attributes:
        choice: the best choice that was found; None if there is none, or none was found.
        better_by: by how much the objective of another choice may be less. 0 where the choice is proven to be the best;
            infinite where none was found, and there may be one.
    """

    choice: Choice | None
    better_by: float


def least_choice(
    objective: Rows, bounds: Sequence[Bound], *, joint: Joint | None = None, most_labels: int = MOST_LABELS
) -> Solution:
    """The choice of least sum_b objective[b][choice[b]] among those that keep all bounds, exactly.

    Partial choices are searched with a small width, then larger ones, until none is left out. The best choice so far
    rules out most candidates and partial choices.

    Args:
        objective: a finite number for every candidate of every block; where several blocks decide together, for every
            combination of each term.
        bounds: over the same candidates.
        joint: which blocks decide each term of the objective; None where each block has a term of its own.
        most_labels: how many partial choices to visit, for each set of bounds that turn out to matter.

    Returns:
        One candidate for each block; ties are always broken alike.
    """
    binding: list[Bound] = []
    others = [*bounds]
    while True:
        if joint is None and all(bound.joint is None for bound in binding):
            solution = _least_choice(objective, binding, most_labels=most_labels)
        else:
            solution = _least_joint_choice(objective, joint, binding, most_labels=most_labels)
        broken = [] if solution.choice is None else [bound for bound in others if not bound.holds(solution.choice)]
        # The best under some of the bounds that also keeps the others is the best under all; few bounds are faster.
        if not broken:
            return solution
        binding += broken
        others = [bound for bound in others if bound not in broken]


def _least_choice(objective: Rows, bounds: Sequence[Bound], *, most_labels: int) -> Solution:
    costs, scale = whole_numbers(objective)
    limits = [bound.whole_numbers() for bound in bounds]
    problem: Problem | None = Problem(
        costs=[costs, *(rows for rows, _ in limits)],
        rooms=[sum(map(max, costs)), *(room for _, room in limits)],
        candidates=[range(len(row)) for row in costs],
    )
    best: Choice | None = None
    # Of all choices that are not known yet: the largest objective of interest, and the least that is possible.
    allowed, least = sum(map(max, costs)), sum(map(min, costs))
    width, labels = 0, 0
    while (problem := _hopeful(problem)) is not None:
        wider = min(_WIDENED * width or _FIRST_WIDTH, (most_labels - labels) // sum(map(len, problem.candidates)))
        if wider <= width:
            return Solution(choice=best, better_by=inf if best is None else float(Fraction(allowed + 1 - least, scale)))
        width = wider
        found = search(problem, width)
        labels += found.labels
        lost = found.lost
        if lost is not None:
            left = ceil(Fraction(lost) * problem.rooms[0] + 1) * problem.scale
            least = max(least, allowed - left)
        if found.choice is not None:
            best = tuple(row[i] for row, i in zip(problem.candidates, found.choice, strict=True))
            allowed = sum(row[i] for row, i in zip(costs, best, strict=True)) - 1
            reduced = sum(row[i] for row, i in zip(problem.costs[0], found.choice, strict=True)) - 1
            problem = evolve(problem, rooms=[reduced, *problem.rooms[1:]])
        if lost is None or least > allowed:
            break
    return Solution(choice=best, better_by=0.0)


def _least_joint_choice(objective: Rows, joint: Joint | None, bounds: Sequence[Bound], *, most_labels: int) -> Solution:
    costs, scale = whole_numbers(objective)
    limits = [bound.whole_numbers() for bound in bounds]
    sums = [(joint, costs), *((bound.joint, rows) for bound, (rows, _) in zip(bounds, limits, strict=True))]
    problem = LayeredProblem.joined(sums, options=[len(row) for row in objective] if joint is None else joint.options)
    best: Choice | None = None
    allowed, least = sum(map(max, costs)), problem.least[0]
    rooms = [room - fewest for (_, room), fewest in zip(limits, problem.least[1:], strict=True)]
    width, labels = 0, 0
    while allowed >= least and min(rooms, default=0) >= 0:
        wider = min(_WIDENED * width or _FIRST_WIDTH, (most_labels - labels) // sum(problem.joint.options))
        if wider <= width:
            return Solution(choice=best, better_by=inf if best is None else float(Fraction(allowed + 1 - least, scale)))
        width = wider
        room = allowed - problem.least[0]
        layers = problem.layers([room, *rooms])
        found = search_layers(layers, [room, *rooms], prices_of(layers), width)
        labels += found.labels
        if found.lost is not None:
            least = max(least, allowed - ceil(Fraction(found.lost) * room + 1))
        if found.choice is not None:
            taken = dict(zip((step.choice for step in problem.steps), found.choice, strict=True))
            best = tuple(taken[number] for number in sorted(taken))
            rows = best if joint is None else joint.rows(best)
            allowed = sum(row[i] for row, i in zip(costs, rows, strict=True)) - 1
        if found.lost is None:
            break
    return Solution(choice=best, better_by=0.0)


def _hopeful(problem: Problem | None) -> Problem | None:
    """The problem reduced, without candidates that are in no choice good enough; None if no choice is left."""
    reduced = problem and problem.reduced()
    hopeful = reduced and reduced.only(shares_of(reduced).hopeful())
    return hopeful and hopeful.reduced()
