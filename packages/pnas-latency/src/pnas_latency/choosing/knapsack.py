"""The best choice of one candidate a block under bounds on sums: a multiple-choice knapsack."""

from collections.abc import Sequence
from math import fsum, ulp

from attrs import frozen

Rows = Sequence[Sequence[float]]
Choice = tuple[int, ...]
# Block and number of a candidate.
Candidates = Sequence[tuple[int, int]]
# A coefficient for each candidate, and what their sum over a choice may reach.
Inequality = tuple[list[float], float]

# HiGHS takes a row as kept that is broken by 1e-6, and an objective as the least that is missed by 1e-6; scipy hands on
# no option for either. Of a thousand that is 1e-9. Of a million, HiGHS was seen to call narrow windows empty.
_SCALE = 1e3


@frozen(kw_only=True)
class Bound:
    """A choice keeps it where fsum((*rest, costs[0][choice[0]], costs[1][choice[1]], ...)) <= at_most, exactly.

    `math.fsum` rounds the true sum correctly, so it never falls when a cost rises. That is why a candidate can be
    judged in the cheapest company (`possible`), and many choices by the cheapest of them (`cut`).

    Attributes:
        costs: the cost of every candidate of every block, finite, of any sign.
        rest: what is added to every choice.
        at_most: the largest sum that is allowed.
    """

    costs: Rows
    rest: tuple[float, ...] = ()
    at_most: float

    def holds(self, choice: Choice) -> bool:
        """Whether `choice` keeps it."""
        return fsum((*self.rest, *(row[i] for row, i in zip(self.costs, choice, strict=True)))) <= self.at_most

    def possible(self) -> list[list[bool]]:
        """Of every candidate, whether any choice with it keeps the bound."""
        least = [min(row) for row in self.costs]
        return [
            [fsum((*self.rest, *least[:b], cost, *least[b + 1 :])) <= self.at_most for cost in row]
            for b, row in enumerate(self.costs)
        ]

    def inequality(self, candidates: Candidates) -> Inequality:
        """The bound for HiGHS, over candidates that are `possible`.

        Of each candidate it counts what it costs more than the cheapest of its block, as a share of what may be spent
        on that: tolerances are relative to what is left to choose, and HiGHS has no cancellation to cope with. The room
        is widened by what `fsum` may round down, so no choice that keeps the bound is lost; others may come through.
        """
        least = [min(row) for row in self.costs]
        room = fsum((self.at_most, ulp(self.at_most), *(-cost for cost in (*self.rest, *least))))
        return [(self.costs[b][i] - least[b]) / room * _SCALE for b, i in candidates], _SCALE

    def cut(self, broken: Choice, candidates: Candidates) -> Inequality:
        """What rules out a choice that does not keep the bound, and all that cost as much or more in every block."""
        as_costly = [float(self.costs[b][i] >= self.costs[b][broken[b]]) for b, i in candidates]
        return as_costly, len(broken) - 1.0


def least_choice(objective: Rows, bounds: Sequence[Bound]) -> Choice | None:
    """The choice of least sum_b objective[b][choice[b]] among those that keep all bounds, or None if none does.

    Solved as a mixed-integer program by HiGHS, whose tolerances cannot break a bound: no row is stricter than its bound
    (see `Bound.inequality`), and a choice that breaks one is cut off, and the program solved again.

    Args:
        objective: a finite number for every candidate of every block.
        bounds: over the same candidates.

    Returns:
        One candidate a block. No other choice's sum is less by more than 1e-9 of the largest difference between two
        candidates of a block. Of choices as good as each other it is the one that HiGHS comes upon, always the same.
    """
    candidates = [(b, i) for b, row in enumerate(objective) for i in range(len(row))]
    for possible in [bound.possible() for bound in bounds]:
        candidates = [(b, i) for b, i in candidates if possible[b][i]]
    if {b for b, _ in candidates} != set(range(len(objective))):
        return None
    # HiGHS's presolve now and then loses the best choice, or all (scipy/scipy#18907, ERGO-Code/HiGHS#3073); without it
    # that was seen too, more rarely and elsewhere. A choice is checked, so the better of two answers is never wrong.
    answers = [_least(objective, bounds, candidates, presolve=presolve) for presolve in (False, True)]
    return min(
        (choice for choice in answers if choice is not None),
        key=lambda choice: fsum(row[i] for row, i in zip(objective, choice, strict=True)),
        default=None,
    )


def _least(objective: Rows, bounds: Sequence[Bound], candidates: Candidates, *, presolve: bool) -> Choice | None:
    worse = _above_the_least(objective, candidates)
    inequalities = [bound.inequality(candidates) for bound in bounds]
    while (choice := _solve(worse, candidates, inequalities, presolve=presolve)) is not None:
        broken = [bound for bound in bounds if not bound.holds(choice)]
        if not broken:
            return choice
        inequalities += [bound.cut(choice, candidates) for bound in broken]
    return None


def _above_the_least(objective: Rows, candidates: Candidates) -> list[float]:
    """How much worse each candidate is than the best one of its block, as a share of the largest such difference."""
    least = [min(objective[b][i] for b, i in candidates if b == block) for block in range(len(objective))]
    worse = [objective[b][i] - least[b] for b, i in candidates]
    largest = max(worse)
    return [value / largest * _SCALE for value in worse] if largest else worse


def _solve(
    objective: Sequence[float], candidates: Candidates, inequalities: Sequence[Inequality], *, presolve: bool
) -> Choice | None:
    from scipy.optimize import Bounds, LinearConstraint, milp

    blocks = sorted({b for b, _ in candidates})
    constraints = [LinearConstraint([[float(b == block) for b, _ in candidates] for block in blocks], 1, 1)]
    if inequalities:
        constraints.append(LinearConstraint([row for row, _ in inequalities], ub=[limit for _, limit in inequalities]))
    result = milp(
        objective,
        integrality=[1] * len(candidates),
        bounds=Bounds(0, 1),
        constraints=constraints,
        options={"mip_rel_gap": 0, "presolve": presolve},
    )
    if result.status == 2:  # infeasible
        return None
    if result.status != 0:
        raise RuntimeError(f"HiGHS found no choice of candidates: {result.message}")
    return tuple(i for (_, i), share in zip(candidates, result.x, strict=True) if share > 0.5)
