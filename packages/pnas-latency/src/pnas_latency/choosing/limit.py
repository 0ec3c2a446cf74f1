"""What a net may cost."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import isfinite

from attrs import field, frozen
from attrs.validators import instance_of, optional

from pnas_latency.choosing.bound import Bound
from pnas_latency.metrics.joint import Joint, Scope
from pnas_latency.metrics.metric import Metric, UnknownCostError
from pnas_latency.metrics.priced_terms import PricedTerm
from pnas_ops import AnySpace, Range

_COST = Range(-1e18, 1e18)


@frozen(kw_only=True)
class Limit:
    """An upper limit on what a net costs in one metric, and perhaps a lower one.

    Attributes:
        metric: what is limited.
        at_most: the largest cost allowed, in the metric's unit.
        at_least: the smallest cost allowed; None for no lower limit.
    """

    metric: Metric = field(validator=instance_of(Metric))
    at_most: float = field(validator=_COST)
    at_least: float | None = field(default=None, validator=optional(_COST))

    def __attrs_post_init__(self) -> None:
        if self.at_least is not None and self.at_least > self.at_most:
            raise ValueError(f"'at_least' must be <= 'at_most': {self.at_least} and {self.at_most}")

    def bounds(self, space: AnySpace) -> tuple[Bound, ...]:
        """The limit as bounds on sums over the space's choices.

        A choice keeps them if and only if the cost of its net, by `Metric.of`, is within the limit.

        Raises:
            UnknownCostError: for a cost that is not finite.
        """
        fixed, terms = self.metric.priced(space)
        rest = (self.metric.constant, *fixed)
        if not all(map(isfinite, (*rest, *(cost for term in terms for costs in term.costs for cost in costs)))):
            raise UnknownCostError(
                f"{self.metric.name} of {space.name!r} has costs that are not finite", "measure its table anew"
            )
        least, most = self.at_least, self.at_most
        if self.metric.combine == "sum":
            bounds = [_bound(rest, terms, space.options, lambda cost: cost, most)]
            if least is not None:
                bounds.append(_bound(rest, terms, space.options, lambda cost: -cost, -least))
            return tuple(bounds)
        # No part costs more than the maximum, and at least one costs no less than the minimum.
        bounds = [_bound(rest, terms, space.options, lambda cost: float(cost > most), 0.0)]
        if least is not None:
            bounds.append(_bound(rest, terms, space.options, lambda cost: -float(cost >= least), -1.0))
        return tuple(bounds)


def _bound(
    rest: tuple[float, ...],
    terms: tuple[PricedTerm, ...],
    options: tuple[int, ...],
    counted: Callable[[float], float],
    at_most: float,
) -> Bound:
    """The bound that the counted costs of all parts add up to at most `at_most`."""
    rows: dict[Scope, list[float | Fraction]] = {}
    for term in terms:
        values = [_sum([counted(cost) for cost in costs]) for costs in term.costs]
        before = rows.get(term.choices)
        rows[term.choices] = values if before is None else list(map(_sum, zip(before, values, strict=True)))
    rest = tuple(map(counted, rest))
    if all(len(scope) == 1 for scope in rows):
        alone = [rows.get((number,), [0.0] * count) for number, count in enumerate(options)]
        return Bound(costs=alone, rest=rest, at_most=at_most)
    return Bound(costs=[*rows.values()], joint=Joint(tuple(options), tuple(rows)), rest=rest, at_most=at_most)


def _sum(costs: Sequence[float | Fraction]) -> float | Fraction:
    """Exactly."""
    return costs[0] if len(costs) == 1 else sum((Fraction(cost) for cost in costs), start=Fraction(0))
