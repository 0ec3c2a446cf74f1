"""The most probable net that a budget allows."""

from collections.abc import Sequence
from math import exp, fsum, inf
from typing import overload
from warnings import warn

from torch import Tensor

from pnas_latency.choosing.bound import Bound
from pnas_latency.choosing.infeasible import InfeasibleBudgetError, described, explain
from pnas_latency.choosing.knapsack import Solution, least_choice
from pnas_latency.choosing.limit import Limit
from pnas_latency.choosing.weighed import Weighed
from pnas_latency.metrics.sharing import Shared
from pnas_ops import AnyNet, AnySpace, Architecture, Space

_LARGEST_LOGARITHM = 700.0


class UnprovenChoiceWarning(UserWarning):
    """A net keeps all limits, but a more probable one may keep them too: there are too many nets to visit all.

    Attributes:
        times_as_probable: how many times as probable another net may be at most; infinite where that is not known.
    """

    def __init__(self, space: str, logarithm: float) -> None:
        self.times_as_probable = exp(logarithm) if logarithm < _LARGEST_LOGARITHM else inf
        super().__init__(
            f"the net taken from {space!r} keeps the limits, but too many come near them to look at all, and one may "
            f"be up to {self.times_as_probable:.6g} times as probable: loosen a limit"
        )


@overload
def choose_within_budget(
    probs: Sequence[Tensor], space: Space, limits: Sequence[Limit], *, name: str = "", shared: Shared = None
) -> Architecture: ...


@overload
def choose_within_budget(
    probs: Sequence[Tensor], space: AnySpace, limits: Sequence[Limit], *, name: str = "", shared: Shared = None
) -> AnyNet: ...


def choose_within_budget(
    probs: Sequence[Tensor], space: AnySpace, limits: Sequence[Limit], *, name: str = "", shared: Shared = None
) -> AnyNet:
    """The net of largest prod_b p_b,choice(b) among those whose cost keeps every limit: a multiple-choice knapsack.

    A candidate of probability 0 is a last resort: the net has as few of them as the limits allow, and the others are
    then as probable as possible. So a probability that underflowed makes no budget infeasible.

    Where several choices decide a cost together, as the widths of neighbouring blocks do, the net is found by a
    resource-constrained shortest path. A choice that does not matter (`pnas_ops.Condition`) counts with its most
    probable option, as in `pnas_supernet.derive`: a net is no more probable for having fewer blocks.

    The limits are kept to the last bit of `Metric.of`, and no net that keeps them is more probable: logarithms are
    compared to forty digits. Ties are always broken alike.

    Thirty blocks of seven candidates take a fraction of a second, as a rule. The problem is NP-hard, though: after some
    ten seconds the best net so far is returned, and an `UnprovenChoiceWarning` says how much more probable another one
    can be. (The limit is a number of partial nets, not a time, so that every computer returns the same net.)

    Args:
        probs: the probabilities of each choice's options, such as a searched block's candidates, each of shape
            (options of that choice,), of any dtype and on any device. They need not add up to 1.
        space: the space that they choose from.
        limits: what the net may cost; without any, the most probable net of all is returned.
        name: of the net; the space's by default.
        shared: the number of each searched block's choice, where blocks share choices: these take the same candidate,
            whose probability counts once, and whose costs at all of them add up. None if each has its own.

    Raises:
        InfeasibleBudgetError: where no net keeps all limits, with the cheapest net and the way out; also where none was
            found in that time, as its message then says.
        ValueError: for probabilities that do not fit the space, or are negative or not finite; for costs that are not
            finite.
        LookupError: as the metrics raise it: `MissingWorkloadsError` for a table that lacks a workload.
    """
    weighed = Weighed.of(probs, space, limits, shared)
    found = most_probable_choice(weighed, space, limits)
    assert found.choice is not None
    if found.better_by > 0:
        warn(UnprovenChoiceWarning(space.name, found.better_by), stacklevel=2)
    return space.architecture(weighed.of_blocks(found.choice), name=name)


def most_probable_choice(weighed: Weighed, space: AnySpace, limits: Sequence[Limit]) -> Solution:
    """The choice of the net that `choose_within_budget` takes.

    Raises:
        InfeasibleBudgetError: as it raises it.
    """
    bounds, resorts = weighed.bounds, weighed.resorts
    found = least_choice(weighed.unlikely, [*bounds, Bound(costs=resorts, at_most=0.0)])
    if found.choice is not None:
        return found
    fewest = least_choice(resorts, bounds) if any(map(any, resorts)) else found
    if fewest.choice is None:
        if any(len(group) > 1 for group in weighed.groups):
            raise _explain_shared(space, limits, weighed)
        raise explain(space, limits, proven=fewest.better_by == 0)
    count = sum(row[i] for row, i in zip(resorts, fewest.choice, strict=True))
    found = least_choice(weighed.unlikely, [*bounds, Bound(costs=resorts, at_most=count)])
    return Solution(choice=fewest.choice, better_by=inf) if found.choice is None else found


def _explain_shared(space: AnySpace, limits: Sequence[Limit], weighed: Weighed) -> InfeasibleBudgetError:
    costs = limits[0].metric.costs(space)
    sums = [
        [fsum(column) for column in zip(*(costs[block] for block in group), strict=True)] for group in weighed.groups
    ]
    cheapest = weighed.of_blocks([row.index(min(row)) for row in sums])
    asked = " and ".join(map(described, limits))
    return InfeasibleBudgetError(
        f"no net of {space.name!r} was found that takes {asked} where blocks share choices",
        "loosen one of the limits, or give blocks a choice of their own",
        space.architecture(cheapest, name="cheapest"),
    )
