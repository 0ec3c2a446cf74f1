"""Choices that keep bounds, in ascending order of the objective: a best-first search with exact sums.

A partial choice is in the queue with a lower bound on the objective of every choice that it leads to: its own sum so
far, and the least that the rest adds where room has a price (`prices`). A whole choice is there with its exact sum, so
that nothing still in the queue is less than a choice that leaves it (A*: Hart, Nilsson, Raphael 1968). Unlike in
`knapsack`, nothing is dropped for being dominated: the second best choice may well be.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from math import inf

import numpy as np
from attrs import frozen

from pnas_latency.choosing.bound import Bound, Choice, Rows, whole_numbers
from pnas_latency.choosing.layers import Layer, LayeredProblem
from pnas_latency.choosing.prices import Prices, prices_of

MOST_PARTIAL = 500_000
"""How many partial choices are visited: some ten seconds."""

Allows = Callable[[dict[int, int]], bool]
"""Whether a partial choice, the option of each choice taken so far, is allowed."""


class TooManyChoicesError(Exception):
    """So many partial choices were visited that the search has ended; there may be more choices."""


@frozen
class _Partial:
    """A partial choice: the options taken so far, in the order of the layers.

    Attributes:
        come_to: its objective so far, above the least of any choice.
        rooms: what is left of each bound, above the least that is to come.
    """

    taken: tuple[int, ...]
    state: int
    come_to: int
    rooms: tuple[int, ...]


def in_order(
    objective: Rows, bounds: Sequence[Bound], *, allows: Allows | None = None, most_partial: int = MOST_PARTIAL
) -> Iterator[Choice]:
    """All choices that keep the bounds, each once, in ascending order of sum_b objective[b][choice[b]].

    Args:
        objective: a finite number for every option of every choice.
        bounds: over the same options.
        allows: called with each partial choice, if given; what it refuses is dropped.
        most_partial: how many partial choices to visit.

    Raises:
        TooManyChoicesError: where these do not suffice to find the next choice.
    """
    layered = _Layered.of(objective, bounds)
    if layered is None:
        return
    ahead = _Partial((), 0, 0, layered.rooms)
    # Among equal bounds the deepest goes first, since it is soon a whole choice; then the order of options decides.
    queue: list[tuple[int, int, tuple[int, ...], _Partial]] = [(0, 0, (), ahead)]
    looked_at = 0
    while queue:
        *_, ahead = heappop(queue)
        if len(ahead.taken) == len(layered.layers):
            yield layered.choice(ahead)
            continue
        following = [one for one in layered.after(ahead) if allows is None or allows(layered.named(one))]
        looked_at += len(following)
        if looked_at > most_partial:
            raise TooManyChoicesError
        for one, least in zip(following, layered.at_least(following), strict=True):
            if least is not None:
                heappush(queue, (least, -len(one.taken), one.taken, one))


@frozen(eq=False)
class _Layered:
    """The problem choice by choice, in whole numbers.

    Attributes:
        order: the index of the choice at each layer.
        costs: by layer and metric, of each state and option, above the cheapest way from the state on.
        whole: the largest objective, above the least.
        rooms: of each bound, above the least.
    """

    order: tuple[int, ...]
    layers: Sequence[Layer]
    costs: Sequence[Sequence[Sequence[int]]]
    prices: Prices
    whole: int
    rooms: tuple[int, ...]

    @classmethod
    def of(cls, objective: Rows, bounds: Sequence[Bound]) -> "_Layered | None":
        """The layers; None where some bound cannot be kept even alone."""
        values, _ = whole_numbers(objective)
        limits = [bound.whole_numbers() for bound in bounds]
        problem = LayeredProblem.joined(
            [(None, values), *((bound.joint, rows) for bound, (rows, _) in zip(bounds, limits, strict=True))],
            options=[len(row) for row in objective],
        )
        whole = sum(map(max, values)) - problem.least[0]
        rooms = tuple(room - least for (_, room), least in zip(limits, problem.least[1:], strict=True))
        if min(rooms, default=0) < 0:
            return None
        layers = problem.layers([whole, *rooms])
        return cls(
            order=tuple(step.choice for step in problem.steps),
            layers=layers,
            costs=[
                [[int(cost) for cost in tables[index].ravel()] for tables in problem.added]
                for index in range(len(layers))
            ],
            prices=prices_of(layers),
            whole=whole,
            rooms=rooms,
        )

    def choice(self, partial: _Partial) -> Choice:
        """The option of every choice, from a complete partial choice."""
        named = self.named(partial)
        return tuple(named[number] for number in range(len(named)))

    def named(self, partial: _Partial) -> dict[int, int]:
        """The option of each choice that has been taken."""
        return dict(zip(self.order, partial.taken, strict=False))

    def after(self, partial: _Partial) -> Iterator[_Partial]:
        """Its continuations: one for each option of the next choice for which every room suffices."""
        index = len(partial.taken)
        layer, (values, *needs) = self.layers[index], self.costs[index]
        for option in range(layer.options):
            arc = partial.state * layer.options + option
            rooms = tuple(room - need[arc] for room, need in zip(partial.rooms, needs, strict=True))
            if min(rooms, default=0) >= 0:
                taken = (*partial.taken, option)
                yield _Partial(taken, int(layer.after[arc]), partial.come_to + values[arc], rooms)

    def at_least(self, partials: Sequence[_Partial]) -> list[int | None]:
        """A lower bound on the objective of the choices that each leads to; None where it leads to none."""
        if not partials:
            return []
        chosen = len(partials[0].taken)
        if chosen == len(self.layers):
            return [partial.come_to for partial in partials]
        states = np.array([partial.state for partial in partials])
        rooms = [
            np.array([room / max(whole, 1) for room in left])
            for left, whole in zip(zip(*(partial.rooms for partial in partials), strict=True), self.rooms, strict=True)
        ]
        rest = np.maximum(0.0, self.prices.at_least(chosen, states, rooms)).tolist()
        least = [
            inf if share == inf else partial.come_to + int(Fraction(share) * self.whole)
            for share, partial in zip(rest, partials, strict=True)
        ]
        return [None if number > self.whole else int(number) for number in least]
