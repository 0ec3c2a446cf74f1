"""Nets that make use of what they may cost."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from math import inf, nextafter
from typing import TypeVar, overload

import torch
from attrs import evolve
from torch import Tensor

from pnas_latency.choosing.infeasible import InfeasibleBudgetError
from pnas_latency.choosing.limit import Limit
from pnas_latency.choosing.most_probable import most_probable_within_budget
from pnas_latency.choosing.weighed import Weighed
from pnas_latency.choosing.within_budget import most_probable_choice
from pnas_latency.metrics.sharing import Shared
from pnas_ops import AnyNet, AnySpace, Architecture, Space

MOST_BELOW = 0.05
"""Of a limit: a net that leaves more of it unused could have been a better one."""

AIMS_BELOW = (0.035, MOST_BELOW, 0.1, 0.2, 0.4, 1.0)
"""Where to look for a net, of the limit: at first so near that an error of measurement leaves it in the window, then,
where no net is, farther and farther below."""

COUNTS_BELOW = (0.1, 0.2, 0.4, 1.0)
"""The same for a cost that is counted, where no error needs room."""

_PRESSED = 0.9
"""Of a limit: where the expectation is lower, something else has held it back."""

Chosen = TypeVar("Chosen")
Choose = Callable[[Sequence[Limit]], Chosen]
"""Takes something within limits, such as a net; an InfeasibleBudgetError where no net is."""


def pressed_limit(probs: Sequence[Tensor], space: AnySpace, limits: Sequence[Limit]) -> Limit | None:
    """The limit that has held a search back: the one of which the expected cost uses the largest share, 90% or more.

    Such a search takes probability from dear options until the *expected* cost keeps the limit. Where the gates are
    undecided by then, their most probable net is cheaper, by up to a quarter in `tests/benchmarks/gates_on_macro.py`.
    Limits on sums alone are looked at, and none that says itself how much a net must cost.

    Args:
        probs, space, limits: see `choose_within_budget`; blocks that share a choice change no expected sum.

    Returns:
        One of `limits`; None where none has held it back.

    Raises:
        UnknownCostError: as `Metric.priced`.
        ValueError: for probabilities of other choices than the space's.
    """
    here = [row.detach().to("cpu", torch.float64) for row in probs]
    here = [row / row.sum() for row in here]

    def used(limit: Limit) -> float:
        if limit.metric.combine != "sum" or limit.at_most <= 0 or limit.at_least is not None:
            return 0.0
        return float(limit.metric.expected(here, space)) / limit.at_most

    most = max(limits, key=used, default=None)
    return most if most is not None and used(most) >= _PRESSED else None


def choose_near(
    choose: Choose[Chosen], limits: Sequence[Limit], near: Limit, aims: Sequence[float] = AIMS_BELOW
) -> tuple[Chosen, float]:
    """What is chosen within limits of which one is made use of, and how much of that one was allowed to be left.

    That is the first share of `aims` with which there is something to choose.

    Raises:
        InfeasibleBudgetError: where no net is within the limits.
    """
    *nearer, farthest = aims
    for below in nearer:
        # There may be no net so near, such as when other limits bind.
        with suppress(InfeasibleBudgetError):
            return choose(_narrowed(limits, near, (1 - below) * near.at_most, near.at_most)), below
    return choose(limits), farthest


def narrowed_limits(
    probs: Sequence[Tensor], space: AnySpace, limits: Sequence[Limit], *, shared: Shared = None
) -> list[Limit]:
    """The limits, within which nets make use of the one that has held a search back (`pressed_limit`), if one has.

    A net is to use 90% of it, or where no net within the others does, 80%, 60%, any part of it.

    Args:
        probs: of the search.
        space, limits, shared: see `choose_within_budget`.

    Raises:
        InfeasibleBudgetError: where one was pressed, and no net is within the limits.
    """
    near = pressed_limit(probs, space, limits)
    if near is None:
        return [*limits]

    def allowing_a_net(narrowed: Sequence[Limit]) -> Sequence[Limit]:
        most_probable_choice(Weighed.of(probs, space, narrowed, shared), space, narrowed)
        return narrowed

    return [*choose_near(allowing_a_net, limits, near, COUNTS_BELOW)[0]]


@overload
def most_probable_near_limit(
    probs: Sequence[Tensor], space: Space, limits: Sequence[Limit], *, name: str = "", shared: Shared = None
) -> Iterator[Architecture]: ...


@overload
def most_probable_near_limit(
    probs: Sequence[Tensor], space: AnySpace, limits: Sequence[Limit], *, name: str = "", shared: Shared = None
) -> Iterator[AnyNet]: ...


def most_probable_near_limit(
    probs: Sequence[Tensor], space: AnySpace, limits: Sequence[Limit], *, name: str = "", shared: Shared = None
) -> Iterator[AnyNet]:
    """The nets within the limits, each once: first the most probable ones of those near the limit that was pressed.

    These use 90% of the `pressed_limit` at least; then come those that use 80 and 60%, and all others, each group from
    its most probable one on. Where no limit was pressed, all are one group.

    Args:
        probs, space, limits, name, shared: see `choose_within_budget`.

    Raises:
        InfeasibleBudgetError, ValueError, LookupError: as `choose_within_budget` does, at once.
    """
    all_of_them = most_probable_within_budget(probs, space, limits, name=name, shared=shared)
    near = pressed_limit(probs, space, limits)
    if near is None:
        return all_of_them

    def group(least: float | None, most: float) -> Iterator[AnyNet]:
        with suppress(InfeasibleBudgetError):
            yield from most_probable_within_budget(
                probs, space, _narrowed(limits, near, least, most), name=name, shared=shared
            )

    leasts = [(1 - below) * near.at_most for below in COUNTS_BELOW[:-1]]
    mosts = [near.at_most, *(nextafter(least, -inf) for least in leasts)]
    return chain.from_iterable(map(group, [*leasts, None], mosts))


def _narrowed(limits: Sequence[Limit], near: Limit, least: float | None, most: float) -> list[Limit]:
    return [evolve(one, at_most=most, at_least=least) if one is near else one for one in limits]
