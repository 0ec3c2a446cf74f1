"""Why no net keeps the limits."""

from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context

from pnas_latency.choosing.knapsack import least_choice
from pnas_latency.choosing.limit import Limit
from pnas_latency.metrics.metric import Metric
from pnas_ops import AnyNet, AnySpace, PnasError

_SHOWN_DIGITS = 3
_ALL_DIGITS = 17


class InfeasibleBudgetError(PnasError, ValueError):
    """No net keeps all limits; or, as the message then says, none was found among the many that come near.

    Attributes:
        cheapest: the cheapest net, in the metric of the limit that no net keeps; where each limit can be kept alone but
            not all together, in that of the first.
    """

    def __init__(self, what: str, way_out: str, cheapest: AnyNet) -> None:
        super().__init__(what, way_out)
        self.cheapest = cheapest


def explain(space: AnySpace, limits: Sequence[Limit], *, proven: bool) -> InfeasibleBudgetError:
    """The error for limits that no net of `space` keeps together or, where that is not proven, no net that was found.

    Costs in its message are rounded such that a limit copied from it can be kept.
    """
    if not proven:
        asked = " and ".join(map(described, limits))
        return InfeasibleBudgetError(
            f"of the many nets of {space.name!r} none was found that takes {asked}; there may be one",
            "loosen one of the limits",
            limits[0].metric.cheapest(space),
        )
    for limit in limits:
        if reason := _why_not_alone(space, limit):
            what, way_out = reason
            what = f"no net of {space.name!r} takes {described(limit)}: {what}"
            return InfeasibleBudgetError(what, way_out, limit.metric.cheapest(space))
    each = ", ".join(
        f"{described(limit)} (the cheapest takes {_up(limit.metric, _cheapest_cost(space, limit.metric))})"
        for limit in limits
    )
    return InfeasibleBudgetError(
        f"no net of {space.name!r} keeps all limits at once, though each can be kept alone: {each}",
        "loosen one of them",
        limits[0].metric.cheapest(space),
    )


def _why_not_alone(space: AnySpace, limit: Limit) -> tuple[str, str] | None:
    """Why no net keeps this one limit, and what to do; or None if some net does."""
    metric = limit.metric
    least = _cheapest_cost(space, metric)
    if least > limit.at_most:
        common = f"without the searched blocks {_up(metric, metric.fixed(space))}"
        return f"the cheapest takes {_up(metric, least)} ({common})", "raise the limit"
    most = metric.reckoned(space, metric.most_choices(space))
    if limit.at_least is None or limit.at_least <= most <= limit.at_most:
        return None
    if most < limit.at_least:
        return f"the dearest takes {_down(metric, most)}", "lower the limit"
    # There are nets on both sides of `at_least`, but those above it may all be above `at_most` too.
    below, above = _nearest(space, limit)
    if above <= limit.at_most:
        return None
    return f"the nearest take {_down(metric, below)} and {_up(metric, above)}", "widen the window"


def _nearest(space: AnySpace, limit: Limit) -> tuple[float, float]:
    """The largest cost that is not above the window, and the smallest that is not below it."""
    metric = limit.metric
    if metric.combine == "max":
        possible = sorted({metric.fixed(space), *_costs_of_parts(space, metric)})
        return next(cost for cost in reversed(possible) if cost <= limit.at_most and _has(space, metric, cost)), next(
            cost
            for cost in possible
            if (limit.at_least is None or cost >= limit.at_least) and _has(space, metric, cost)
        )
    upper, lower = limit.bounds(space)
    # Below the upper end the largest cost is wanted; the lower bound holds negated costs, so minimizing these finds it.
    dearest = least_choice(lower.costs, [upper], joint=lower.joint).choice
    cheapest = least_choice(upper.costs, [lower], joint=upper.joint).choice
    assert dearest is not None
    assert cheapest is not None
    return metric.reckoned(space, dearest), metric.reckoned(space, cheapest)


def _costs_of_parts(space: AnySpace, metric: Metric) -> Iterator[float]:
    _, terms = metric.priced(space)
    return (cost for term in terms for costs in term.costs for cost in costs)


def _has(space: AnySpace, metric: Metric, cost: float) -> bool:
    """Whether any net costs exactly this."""
    limit = Limit(metric=metric, at_most=cost, at_least=cost)
    nothing = [[0.0] * count for count in space.options]
    return least_choice(nothing, limit.bounds(space)).choice is not None


def _cheapest_cost(space: AnySpace, metric: Metric) -> float:
    return metric.reckoned(space, metric.least_choices(space))


def described(limit: Limit) -> str:
    """A limit in words: "at most 2 ms latency"."""
    unit, name = limit.metric.unit, _without_unit(limit.metric)
    at_most = _shown(limit.at_most)
    if limit.at_least is None:
        return f"at most {at_most} {unit} {name}".rstrip()
    return f"between {_shown(limit.at_least)} and {at_most} {unit} {name}".rstrip()


def _without_unit(metric: Metric) -> str:
    """The metric's name to follow a number with its unit: "energy" for "energy_mj", nothing for "macs"."""
    return " ".join(word for word in metric.name.split("_") if word.lower() != metric.unit.lower())


def _up(metric: Metric, cost: float) -> str:
    return f"{_shown(cost, _SHOWN_DIGITS, ROUND_CEILING)} {metric.unit}"


def _down(metric: Metric, cost: float) -> str:
    return f"{_shown(cost, _SHOWN_DIGITS, ROUND_FLOOR)} {metric.unit}"


def _shown(value: float, digits: int = _ALL_DIGITS, rounding: str = ROUND_CEILING) -> str:
    """`value` without an exponent."""
    return f"{Context(prec=digits, rounding=rounding).create_decimal(repr(float(value))).normalize():f}"
