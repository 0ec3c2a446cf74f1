"""The integer problem to be solved, without parts that cannot matter."""

from collections.abc import Iterator, Sequence
from math import gcd

from attrs import evolve, frozen

from pnas_latency.choosing.bound import IntRows


@frozen(kw_only=True)
class Problem:
    """One candidate of each block, such that their costs add up to no more than the room, in each of several metrics.

    Attributes:
        costs: by metric, block and candidate. The first metric is minimized.
        rooms: by metric.
        candidates: the original indices of each block's candidates.
        scale: the factor by which the costs in the first metric were divided.
    """

    costs: Sequence[IntRows]
    rooms: Sequence[int]
    candidates: Sequence[Sequence[int]]
    scale: int = 1

    def reduced(self) -> "Problem | None":
        """The same problem without parts that cannot matter; None if no choice is left.

        Costs are then relative to the cheapest candidate of the block. Candidates are dropped if they exceed a room, or
        if another one of their block is as good in every metric. Rooms, except the first, are dropped if they are large
        enough for any choice.
        """
        above = _above_the_cheapest(self)
        if min(above.rooms) < 0:
            return None
        useful = [list(_of_use(above, block)) for block in range(len(self.candidates))]
        # With fewer candidates the least costs may rise; the smaller rooms may then exclude others.
        fewer = sum(map(len, useful)) < sum(map(len, self.candidates))
        if not fewer:
            return _in_few_bits(above)
        smaller = above.only(useful)
        return smaller and smaller.reduced()

    def ordered(self, blocks: Sequence[int]) -> "Problem":
        """The problem with its blocks in this order."""
        costs = [[rows[block] for block in blocks] for rows in self.costs]
        return evolve(self, costs=costs, candidates=[self.candidates[block] for block in blocks])

    def only(self, kept: Sequence[Sequence[int]]) -> "Problem | None":
        """The problem with these candidates of each block, by their indices here; None if a block has none."""
        if not all(kept):
            return None
        costs = [[[row[i] for i in some] for row, some in zip(rows, kept, strict=True)] for rows in self.costs]
        numbered = [[row[i] for i in some] for row, some in zip(self.candidates, kept, strict=True)]
        return evolve(self, costs=costs, candidates=numbered)


def _above_the_cheapest(problem: Problem) -> Problem:
    cheapest = [[min(row) for row in rows] for rows in problem.costs]
    costs = [
        [[cost - least for cost in row] for row, least in zip(rows, of_blocks, strict=True)]
        for rows, of_blocks in zip(problem.costs, cheapest, strict=True)
    ]
    rooms = [room - sum(of_blocks) for room, of_blocks in zip(problem.rooms, cheapest, strict=True)]
    return evolve(problem, costs=costs, rooms=rooms)


def _of_use(problem: Problem, block: int) -> Iterator[int]:
    """The candidates of a block that fit into the rooms, and that no other one dominates."""
    points = list(zip(*(rows[block] for rows in problem.costs), strict=True))
    for i, point in enumerate(points):
        fits = all(cost <= room for cost, room in zip(point, problem.rooms, strict=True))
        if fits and not any(
            all(theirs <= ours for theirs, ours in zip(other, point, strict=True)) and (other != point or j < i)
            for j, other in enumerate(points)
        ):
            yield i


def _in_few_bits(problem: Problem) -> Problem:
    """The problem without common factors, and without rooms that are large enough for any choice."""
    costs, rooms, factors = [], [], []
    for index, (rows, room) in enumerate(zip(problem.costs, problem.rooms, strict=True)):
        if index == 0 or sum(map(max, rows)) > room:
            factor = gcd(*(cost for row in rows for cost in row)) or 1
            costs.append([[cost // factor for cost in row] for row in rows])
            rooms.append(room // factor)
            factors.append(factor)
    return evolve(problem, costs=costs, rooms=rooms, scale=problem.scale * factors[0])
