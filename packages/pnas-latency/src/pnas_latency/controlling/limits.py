"""The nets that keep limits, for strategies that ask for them one by one."""

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from attrs import frozen

from pnas_latency.choosing.bound import Bound
from pnas_latency.choosing.limit import Limit
from pnas_latency.choosing.within_budget import choose_within_budget
from pnas_latency.metrics.joint import Scope, Table
from pnas_ops import AnySpace, Choices, FeasibleNets


def feasible_nets(space: AnySpace, limits: Sequence[Limit]) -> FeasibleNets:
    """The nets of a space that keep all limits, to the last bit of `Metric.of`.

    Args:
        space: of any kind.
        limits: as `Budget.limits` and `Budget.counts` make them; without any, all nets are feasible.

    Raises:
        InfeasibleBudgetError: where no net keeps all limits, with the cheapest net.
        UnknownCostError: for a limit on a cost that is not known for the space, see `Metric.priced`.
        MissingWorkloadsError: for a table that lacks a workload of the space.
    """
    if not limits:
        return FeasibleNets(space=space)
    choose_within_budget([torch.ones(count) for count in space.options], space, limits)
    floors = [_floor(bound, space.options) for limit in limits for bound in limit.bounds(space)]

    def may_fit(begun: Choices) -> bool:
        return all(floor.of(begun) <= floor.room for floor in floors)

    # For a whole net the lower bound is its exact sum, so one function serves both.
    return FeasibleNets(space=space, fits=may_fit, may_fit=may_fit)


@frozen(eq=False)
class _Floor:
    """A lower bound on a limit's sum for nets that begin with some choices, term by term, in whole numbers.

    For each limit alone it is exact where each choice has a term of its own; where several choices decide a term
    together, it may be below the sum of every net.

    Attributes:
        room: the largest sum allowed.
        terms: for each term, its choices in order, and its least values where the first 0, 1, ... of them are known,
            with an axis for each known one.
    """

    room: int
    terms: Sequence[tuple[Scope, Sequence[Table]]]

    def of(self, begun: Choices) -> int:
        """The lower bound for nets with these first choices."""
        total = 0
        for scope, least in self.terms:
            known = [begun[number] for number in scope if number < len(begun)]
            total += least[len(known)][tuple(known)]
        return total


def _floor(bound: Bound, options: Sequence[int]) -> _Floor:
    costs, room = bound.whole_numbers()
    scopes = [(number,) for number in range(len(options))] if bound.joint is None else bound.joint.scopes
    terms = []
    for scope, row in zip(scopes, costs, strict=True):
        order = sorted(range(len(scope)), key=scope.__getitem__)
        table = np.empty(prod(options[number] for number in scope), dtype=object)
        table[:] = row
        table = table.reshape([options[number] for number in scope]).transpose(order)
        least = [table]
        for _ in scope:
            least.insert(0, np.asarray(least[0].min(axis=-1), dtype=object))
        terms.append((tuple(sorted(scope)), least))
    return _Floor(room, terms)
