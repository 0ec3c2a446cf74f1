"""Anything that a net may cost."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from math import fsum
from typing import Literal

import torch
from attrs import field, frozen
from attrs.validators import in_
from torch import Tensor

from pnas_latency.metrics.expectation import expected_cost, expected_joint_cost, expected_joint_max, expected_max
from pnas_latency.metrics.joint import Joint
from pnas_latency.metrics.priced_terms import PricedTerm, extreme_choices
from pnas_latency.metrics.sharing import Shared
from pnas_ops import AnyNet, AnySpace, AnyWorkload, PnasError, cost_terms, workloads

Rows = Sequence[Sequence[AnyWorkload]]
Costs = tuple[tuple[float, ...], ...]


class UnknownCostError(PnasError, ValueError):
    """A metric does not know what the candidates of a space cost one by one."""


@frozen(kw_only=True, repr=False)
class Metric:
    """A cost of a net that follows from its workloads: their sum, or the largest of them.

    Attributes:
        name: what it measures.
        unit: its unit: "ms", "bytes".
        rows: the costs of rows of workloads, one row for each position of a net.
        combine: "sum" where a net costs the sum of its workloads, "max" where it costs as much as its largest.
        constant: what a net costs besides its workloads. For "max" it is the least that any net costs.
        terms: the workloads whose costs add up to that of a net's workload, where it is known by its parts.
        shared: for sums: further costs of a workload, by name. A net pays for each name once, however many of its
            workloads share it; a space counts as fixed what any of its nets may have to pay.
    """

    name: str
    unit: str
    rows: Callable[[Rows], Costs]
    combine: Literal["sum", "max"] = field(default="sum", validator=in_(("sum", "max")))
    constant: float = 0.0
    terms: Callable[[AnyWorkload], Sequence[AnyWorkload]] = lambda workload: (workload,)
    shared: Callable[[AnyWorkload], Mapping[str, float]] = lambda workload: {}

    def __repr__(self) -> str:
        how = "the largest" if self.combine == "max" else "the sum"
        return f"<Metric {self.name}: {how} over a net's workloads, in {self.unit}>"

    def of(self, architecture: AnyNet) -> float:
        """What a net costs."""
        # One sum of all terms, not one of sums: rounded as a search rounds it, so that limits are kept exactly.
        rows = [[term] for (workload,) in workloads(architecture) for term in self.terms(workload)]
        return self._combined([*(cost for (cost,) in self.rows(rows)), *self._paid_once(rows)])

    def costs(self, space: AnySpace) -> Costs:
        """The cost of every option of every choice, as `expected_cost` and `expected_max` take them.

        Raises:
            UnknownCostError: for a space in which several choices decide a cost together; and as `priced`.
        """
        _, terms = self.priced(space)
        rows: list[list[list[float]]] = [[[] for _ in range(count)] for count in space.options]
        for term in terms:
            if len(term.choices) > 1:
                raise UnknownCostError(
                    f"{self.name} of {space.name!r} is not known choice by choice: several decide a cost together",
                    "ask for the cost of a net, or the expected cost",
                )
            for combined, costs in zip(rows[term.choices[0]], term.costs, strict=True):
                combined += costs
        combine = max if self.combine == "max" else fsum
        return tuple(tuple(combine(costs) if costs else 0.0 for costs in row) for row in rows)

    def fixed(self, space: AnySpace) -> float:
        """The cost of what all nets of the space have, or may have, in common: stem, head, constant and the like."""
        return self._combined(self.priced(space)[0])

    def priced(self, space: AnySpace) -> tuple[tuple[float, ...], tuple[PricedTerm, ...]]:
        """The costs of what is not searched, one by one and without the constant, and the terms of what is searched.

        What options share counts as not searched: no net costs more than this sum, and one that has all of it costs as
        much.

        Raises:
            UnknownCostError: for the largest of a net's workloads in a space of edges, where the results of other edges
                are in memory too: only whole blocks have such a cost. For bytes in files of a `ModuleSpace`.
        """
        terms = cost_terms(space)
        candidates = [tuple(dict.fromkeys(chain(*term.computed))) for term in terms]
        rows = self.rows(candidates)
        if self.combine == "max" and not space.of_whole_blocks:
            raise UnknownCostError(
                f"{self.name} of {space.name!r} is not known edge by edge",
                "leave out this limit, or search whole blocks",
            )
        known = [dict(zip(row, costs, strict=True)) for row, costs in zip(candidates, rows, strict=True)]
        priced = [
            PricedTerm(term=term, costs=tuple(tuple(cost[one] for one in row) for row in term.computed))
            for term, cost in zip(terms, known, strict=True)
        ]
        fixed = [cost for term in priced if not term.choices for cost in term.costs[0]]
        return (*fixed, *self._paid_once(candidates)), tuple(term for term in priced if term.choices)

    def reckoned(self, space: AnySpace, choices: Sequence[int]) -> float:
        """The cost of a net as a search counts it: its own, and all that nets of the space share."""
        fixed, terms = self.priced(space)
        return self._combined([*fixed, *(cost for term in terms for cost in term.of(choices))])

    def reckoned_all(self, space: AnySpace, choices: Tensor) -> Tensor:
        """`reckoned` for many nets at once.

        Args:
            space: of the nets.
            choices: of each net, (nets, choices), whole numbers.

        Returns:
            (nets,), float64, in `unit`.
        """
        fixed, terms = self.priced(space)
        common = self._combined(fixed)
        parts = torch.full((len(terms) + 1, len(choices)), common, dtype=torch.float64)
        for part, term in zip(parts, terms, strict=False):
            rows = torch.zeros(len(choices), dtype=torch.long)
            for number, count in zip(term.choices, term.term.options, strict=True):
                rows = rows * count + choices[:, number]
            part.copy_(torch.tensor(self._each_combined(term.costs, common), dtype=torch.float64)[rows])
        return parts.amax(0) if self.combine == "max" else parts.sum(0)

    def cheapest(self, space: AnySpace, *, name: str = "cheapest") -> AnyNet:
        """The net of least cost; ties are always broken alike."""
        return space.architecture(self.least_choices(space), name=name)

    def dearest(self, space: AnySpace, *, name: str = "dearest") -> AnyNet:
        """The net of largest cost; ties are always broken alike."""
        return space.architecture(self.most_choices(space), name=name)

    def least_choices(self, space: AnySpace) -> tuple[int, ...]:
        """The choices of the net of least cost."""
        return extreme_choices(self.priced(space)[1], space.options, most=False, sums=self.combine == "sum")

    def most_choices(self, space: AnySpace) -> tuple[int, ...]:
        """The choices of the net of largest cost."""
        return extreme_choices(self.priced(space)[1], space.options, most=True, sums=self.combine == "sum")

    def expected(self, probs: Sequence[Tensor], space: AnySpace, *, shared: Shared = None) -> Tensor:
        """The expected cost of a net whose choices are drawn independently, differentiable in the probabilities.

        Args:
            probs: the probabilities of each choice's options, such as a searched block's candidates, each of shape
                (options of that choice,).
            space: the space that they choose from.
            shared: the number of each searched block's choice, where blocks share choices; None if each has its own.

        Returns:
            A scalar in `unit`.
        """
        return self.expectation(space, shared=shared)(probs)

    def expectation(self, space: AnySpace, *, shared: Shared = None) -> Callable[[Sequence[Tensor]], Tensor]:
        """`expected` as a function of the probabilities alone, for a search that needs it in every step."""
        _, terms = self.priced(space)
        fixed = self.fixed(space)
        if all(len(term.choices) == 1 for term in terms):
            costs = self.costs(space)
            if self.combine == "max":
                return lambda probs: expected_max(probs, costs, least=fixed, shared=shared)
            return lambda probs: fixed + expected_cost(probs, costs)
        joint = Joint(tuple(space.options), tuple(term.choices for term in terms))
        of_terms = [self._each_combined(term.costs, fixed) for term in terms]
        if self.combine == "max":
            return lambda probs: expected_joint_max(probs, joint, of_terms, least=fixed)
        return lambda probs: fixed + expected_joint_cost(probs, joint, of_terms)

    def _paid_once(self, rows: Iterable[Iterable[AnyWorkload]]) -> Iterable[float]:
        """The shared costs of all workloads in the rows, once for each name."""
        paid: dict[str, float] = {}
        for row in rows:
            for workload in row:
                paid |= self.shared(workload)
        return paid.values()

    def _each_combined(self, rows: Sequence[Sequence[float]], least: float) -> list[float]:
        """What the parts of each combination cost together; for "max" no less than `least`."""
        if self.combine == "max":
            return [max((least, *costs)) for costs in rows]
        return [fsum(costs) for costs in rows]

    def _combined(self, costs: Sequence[float]) -> float:
        parts = (self.constant, *costs)
        return max(parts) if self.combine == "max" else fsum(parts)
