"""A bound on the cost of a choice: given in floating-point numbers, and restated in whole ones."""

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
            Where several blocks decide together, that of every combination of each term.
        joint: which blocks decide each term; None where each block has a term of its own.
        rest: costs added to every choice.
        at_most: the largest sum that is allowed.
    """

    costs: Rows
    joint: Joint | None = None
    rest: tuple[float, ...] = ()
    at_most: float

    def holds(self, choice: Choice) -> bool:
        """Whether `choice` keeps it."""
        # Like `fsum`: the exact sum, rounded once.
        rows = choice if self.joint is None else self.joint.rows(choice)
        chosen = (row[i] for row, i in zip(self.costs, rows, strict=True))
        return float(_exact_sum((*self.rest, *chosen))) <= self.at_most

    def of_choices(self, groups: Sequence[Sequence[int]]) -> "Bound":
        """The same bound where several blocks share a choice: their costs add up, exactly.

        Args:
            groups: the blocks of each choice.

        Raises:
            ValueError: for blocks that share a choice, and decide terms together with others.
        """
        if self.joint is not None:
            if any(len(group) > 1 for group in groups):
                raise ValueError("where choices decide costs together, the space itself says which blocks share one")
            return self
        rows = [zip(*(self.costs[block] for block in group), strict=True) for group in groups]
        return evolve(self, costs=[[_exact_sum(column) for column in row] for row in rows])

    def whole_numbers(self) -> tuple[IntRows, int]:
        """Costs and room as whole numbers: a choice keeps the bound if and only if its costs sum to at most the room.

        `math.fsum` is the exact sum, rounded once. So a bound on it is a bound on the exact sum: the midpoint between
        `at_most` and the next double, which is itself allowed where it is rounded to `at_most`.
        """
        half_way = (Fraction(self.at_most) + Fraction(nextafter(self.at_most, inf))) / 2
        within = float(half_way) <= self.at_most
        room = half_way - sum(map(Fraction, self.rest))
        costs, scale = whole_numbers(self.costs, room)
        return costs, int(room * scale) - (not within)


def _exact_sum(costs: Iterable[float | Fraction]) -> Fraction:
    return sum((Fraction(cost) for cost in costs), start=Fraction(0))


def whole_numbers(rows: Rows, *others: Fraction) -> tuple[IntRows, int]:
    """The numbers of `rows` times the least factor that makes them and `others` whole; and that factor."""
    exact = [[Fraction(value) for value in row] for row in rows]
    scale = lcm(*(value.denominator for value in (*others, *(value for row in exact for value in row))))
    return [[int(value * scale) for value in row] for row in exact], scale
