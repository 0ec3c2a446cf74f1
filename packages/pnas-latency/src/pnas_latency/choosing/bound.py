"""A bound on what a choice costs, as it is asked for in floating-point numbers and as whole numbers say it."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import inf, lcm, nextafter

from attrs import evolve, frozen

from pnas_latency.metrics.joint import Joint

Rows = Sequence[Sequence[float | Fraction]]
IntRows = Sequence[Sequence[int]]
Choice = tuple[int, ...]


@frozen(kw_only=True)
class Bound:
    """A choice keeps it where fsum((*rest, costs[0][choice[0]], costs[1][choice[1]], ...)) <= at_most, exactly.

    Attributes:
        costs: the cost of every candidate of every block, finite, of any sign; fractions where `of_choices` has added.
            Where several blocks decide together, of every combination of each term.
        joint: which blocks decide each term; None where each block has a term of its own.
        rest: what is added to every choice.
        at_most: the largest sum that is allowed.
    """

    costs: Rows
    joint: Joint | None = None
    rest: tuple[float, ...] = ()
    at_most: float

    def holds(self, choice: Choice) -> bool:
        """Whether `choice` keeps it."""
        # As `fsum` has it: the exact sum, rounded once.
        rows = choice if self.joint is None else self.joint.rows(choice)
        chosen = (row[i] for row, i in zip(self.costs, rows, strict=True))
        return float(_exact_sum((*self.rest, *chosen))) <= self.at_most

    def of_choices(self, groups: Sequence[Sequence[int]]) -> "Bound":
        """The same bound where several blocks share a choice: their costs add up, exactly.

        Args:
            groups: the blocks of each choice.

        Raises:
            ValueError: for blocks that share a choice and decide with others on terms.
        """
        if self.joint is not None:
            if any(len(group) > 1 for group in groups):
                raise ValueError("a space whose choices decide on costs together knows itself which blocks share one")
            return self
        rows = [zip(*(self.costs[block] for block in group), strict=True) for group in groups]
        return evolve(self, costs=[[_exact_sum(column) for column in row] for row in rows])

    def whole_numbers(self) -> tuple[IntRows, int]:
        """Costs and room as whole numbers: a choice keeps the bound just where its costs add up to the room or less.

        `math.fsum` is the exact sum, rounded once. So a bound on it is one on the exact sum: half-way from `at_most` to
        the next double, which itself is within where it is rounded to `at_most`.
        """
        half_way = (Fraction(self.at_most) + Fraction(nextafter(self.at_most, inf))) / 2
        within = float(half_way) <= self.at_most
        room = half_way - sum(map(Fraction, self.rest))
        costs, scale = whole_numbers(self.costs, room)
        return costs, int(room * scale) - (not within)


def _exact_sum(costs: Iterable[float | Fraction]) -> Fraction:
    return sum((Fraction(cost) for cost in costs), start=Fraction(0))


def whole_numbers(rows: Rows, *others: Fraction) -> tuple[IntRows, int]:
    """The numbers of `rows`, times the least number that makes whole ones of them and of `others`; and that number."""
    exact = [[Fraction(value) for value in row] for row in rows]
    scale = lcm(*(value.denominator for value in (*others, *(value for row in exact for value in row))))
    return [[int(value * scale) for value in row] for row in exact], scale
