"""What a net may cost."""

from math import isfinite

from attrs import field, frozen
from attrs.validators import instance_of, optional

from pnas_latency.choosing.bound import Bound
from pnas_latency.metrics.metric import Costs, Metric, UnknownCostError
from pnas_ops import AnySpace, Range

_COST = Range(-1e18, 1e18)


@frozen(kw_only=True)
class Limit:
    """A net may cost at most so much, and must cost at least so much, in one metric.

    Attributes:
        metric: what is limited.
        at_most: the largest cost allowed, in the metric's unit.
        at_least: the smallest cost allowed; None for no such limit.
    """

    metric: Metric = field(validator=instance_of(Metric))
    at_most: float = field(validator=_COST)
    at_least: float | None = field(default=None, validator=optional(_COST))

    def __attrs_post_init__(self) -> None:
        if self.at_least is not None and self.at_least > self.at_most:
            raise ValueError(f"'at_least' must be <= 'at_most': {self.at_least} and {self.at_most}")

    def bounds(self, space: AnySpace) -> tuple[Bound, ...]:
        """The limit as bounds on sums over the space's searched blocks.

        Kept by the very choices whose net costs, by `Metric.of`, what the limit allows.

        Raises:
            UnknownCostError: for a cost that is not finite.
        """
        fixed, costs = self.metric.parts(space)
        rest = (self.metric.constant, *fixed)
        if not all(map(isfinite, (*rest, *(cost for row in costs for cost in row)))):
            raise UnknownCostError(
                f"{self.metric.name} of {space.name!r} has costs that are not finite", "measure its table anew"
            )
        upper = _largest_at_most if self.metric.combine == "max" else _sum_at_most
        lower = _largest_at_least if self.metric.combine == "max" else _sum_at_least
        bounds = [upper(rest, costs, self.at_most)]
        if self.at_least is not None:
            bounds.append(lower(rest, costs, self.at_least))
        return tuple(bounds)


def _sum_at_most(rest: tuple[float, ...], costs: Costs, at_most: float) -> Bound:
    return Bound(costs=costs, rest=rest, at_most=at_most)


def _sum_at_least(rest: tuple[float, ...], costs: Costs, at_least: float) -> Bound:
    return Bound(
        costs=[[-cost for cost in row] for row in costs], rest=tuple(-cost for cost in rest), at_most=-at_least
    )


def _largest_at_most(rest: tuple[float, ...], costs: Costs, at_most: float) -> Bound:
    """None of the parts is above."""
    return Bound(
        costs=[[float(cost > at_most) for cost in row] for row in costs],
        rest=tuple(float(cost > at_most) for cost in rest),
        at_most=0.0,
    )


def _largest_at_least(rest: tuple[float, ...], costs: Costs, at_least: float) -> Bound:
    """At least one of the parts is not below."""
    return Bound(
        costs=[[-float(cost >= at_least) for cost in row] for row in costs],
        rest=tuple(-float(cost >= at_least) for cost in rest),
        at_most=-1.0,
    )
