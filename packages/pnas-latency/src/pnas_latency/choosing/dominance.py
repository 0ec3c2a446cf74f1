"""The Pareto front of partial choices: those to which no other is as good or better in every respect."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ranks = NDArray[np.int64]

_CHUNK = 256
_FEW = 64


def undominated(ranks: Sequence[Ranks]) -> Ranks:
    """The items that no other one dominates, in an order that depends on the ranks alone.

    An item dominates another if none of its ranks is higher; of items with the same ranks, the first dominates. With
    more than three rankings, only items that are equal from the fourth on are compared: this is fast, but leaves some
    items that are dominated.

    Args:
        ranks: of all items, at least one ranking; less is better.
    """
    if len(ranks) == 1:
        return np.asarray(np.argmin(ranks[0], keepdims=True))
    first, second, *others = ranks
    order = np.lexsort([first, second, *others])
    order = order[_falling(first[order], _groups(others, order))]
    if not others:
        return np.asarray(order)
    third, *rest = others
    ends = np.flatnonzero(np.diff(_groups(rest, order))) + 1
    return np.concatenate([_undominated_of_three(group, first, second, third) for group in np.split(order, ends)])


def _groups(rankings: Sequence[Ranks], order: Ranks) -> Ranks:
    """A group number for each item in this order: 0 for the first run that is equal in all rankings, 1 for the next."""
    groups = np.zeros(len(order), np.int64)
    for ranking in rankings:
        groups[1:] |= ranking[order[1:]] != ranking[order[:-1]]
    return np.asarray(np.cumsum(groups))


def _falling(values: Ranks, groups: Ranks) -> NDArray[np.bool_]:
    """Whether each value is below all values before it in its group."""
    # Every value of a group is below all values of earlier groups.
    distinct = values - groups * (len(values) + 1)
    falls = np.ones(len(values), np.bool_)
    falls[1:] = distinct[1:] < np.minimum.accumulate(distinct)[:-1]
    return falls


def _undominated_of_three(items: Ranks, first: Ranks, second: Ranks, third: Ranks) -> Ranks:
    """The undominated ones of `items` by three rankings (Kung, Luccio and Preparata, 1975).

    They are visited from the best in the first ranking on, with a staircase of all earlier ones: the best in the third
    ranking, by the second. Those within a chunk are compared one by one.
    """
    if len(items) < _FEW:
        return items
    items = items[np.lexsort([third[items], second[items], first[items]])]
    earlier = np.tri(_CHUNK, k=-1, dtype=np.bool_)
    steps, best = np.full(1, -1), np.full(1, len(first))
    found = []
    for begin in range(0, len(items), _CHUNK):
        chunk = items[begin : begin + _CHUNK]
        two, three, count = second[chunk], third[chunk], len(chunk)
        dominated = best[np.searchsorted(steps, two, side="right") - 1] <= three
        inside = (two[None, :] <= two[:, None]) & (three[None, :] <= three[:, None]) & earlier[:count, :count]
        kept = ~(dominated | inside.any(1))
        found.append(chunk[kept])
        steps, best = np.concatenate([steps, two[kept]]), np.concatenate([best, three[kept]])
        order = np.lexsort([best, steps])
        order = order[_falling(best[order], np.zeros_like(order))]
        steps, best = steps[order], best[order]
    return np.concatenate(found)
