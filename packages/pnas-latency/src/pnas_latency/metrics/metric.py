"""Anything that a net may cost."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import fsum
from typing import Literal

from attrs import field, frozen
from attrs.validators import in_
from torch import Tensor

from pnas_latency.metrics.expectation import expected_cost, expected_max
from pnas_latency.metrics.sharing import Shared
from pnas_ops import AnyNet, AnySpace, AnyWorkload, PnasError, workloads

Rows = Sequence[Sequence[AnyWorkload]]
Costs = tuple[tuple[float, ...], ...]


class UnknownCostError(PnasError, ValueError):
    """A metric cannot say what the candidates of a space cost one by one."""


@frozen(kw_only=True, repr=False)
class Metric:
    """A cost that a net has by its workloads: their sum, or the largest of them.

    Attributes:
        name: what it is.
        unit: its unit: "ms", "bytes".
        rows: the costs of rows of workloads, one row a position of a net.
        combine: "sum" where a net costs the sum of its workloads, "max" where it costs as much as its largest.
        constant: what a net costs besides its workloads. For "max" it is the least that any net costs.
        terms: the workloads that a net's workload is the sum of, where it is known by its parts.
        shared: of a sum: what a workload costs beside its own, by a name. A net pays each name once, however many of
            its workloads share it; a space counts as fixed what any of its nets may have to pay.
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
        """The cost of every candidate of every searched position, as `expected_cost` and `expected_max` take them."""
        return self.parts(space)[1]

    def fixed(self, space: AnySpace) -> float:
        """What stem, head, constant and all else cost that the nets of the space have, or may have, in common."""
        return self._combined(self.parts(space)[0])

    def parts(self, space: AnySpace) -> tuple[tuple[float, ...], Costs]:
        """The costs of what is not searched, one by one and without the constant, and the `costs` of what is.

        What candidates share is not searched: no net costs more than its parts, and one with all of it costs as much.

        Raises:
            UnknownCostError: for the largest of a net's workloads in a space of edges, where other edges' results are
                held beside that of each: that takes whole blocks. For bytes in files of a `ModuleSpace`.
        """
        candidates = workloads(space)
        rows, searched = self.rows(candidates), set(space.searched)
        if self.combine == "max" and not space.of_whole_blocks:
            raise UnknownCostError(
                f"{self.name} of {space.name!r} is not known edge by edge",
                "leave out this limit, or search whole blocks",
            )
        fixed = [row[0] for index, row in enumerate(rows) if index not in searched]
        return (*fixed, *self._paid_once(candidates)), tuple(row for i, row in enumerate(rows) if i in searched)

    def reckoned(self, space: AnySpace, choices: Sequence[int]) -> float:
        """What a search takes a net of the space for: what it costs, and what other nets of the space share."""
        fixed, costs = self.parts(space)
        return self._combined([*fixed, *(row[i] for row, i in zip(costs, choices, strict=True))])

    def cheapest(self, space: AnySpace, *, name: str = "cheapest") -> AnyNet:
        """The net that takes the candidate of least cost at every block, of equal ones the first."""
        return space.architecture([row.index(min(row)) for row in self.costs(space)], name=name)

    def expected(self, probs: Sequence[Tensor], space: AnySpace, *, shared: Shared = None) -> Tensor:
        """The expected cost of a net whose choices are drawn independently, differentiable in the probabilities.

        Args:
            probs: the probabilities of each searched block's candidates, each of shape (candidates of that block,).
            space: the space that they choose from.
            shared: of each searched block the number of its choice, where blocks share one; each has its own if None.

        Returns:
            A scalar in `unit`.
        """
        return self.expectation(space, shared=shared)(probs)

    def expectation(self, space: AnySpace, *, shared: Shared = None) -> Callable[[Sequence[Tensor]], Tensor]:
        """`expected` as a function of the probabilities alone, for a search that asks for it in every step."""
        costs, fixed = self.costs(space), self.fixed(space)
        if self.combine == "max":
            return lambda probs: expected_max(probs, costs, least=fixed, shared=shared)
        return lambda probs: fixed + expected_cost(probs, costs)

    def _paid_once(self, rows: Iterable[Iterable[AnyWorkload]]) -> Iterable[float]:
        """What the workloads of all rows share, once for each name."""
        paid: dict[str, float] = {}
        for row in rows:
            for workload in row:
                paid |= self.shared(workload)
        return paid.values()

    def _combined(self, costs: Sequence[float]) -> float:
        return max(self.constant, *costs) if self.combine == "max" else fsum((self.constant, *costs))
