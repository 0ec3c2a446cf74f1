"""Anything that a net may cost."""

from collections.abc import Callable, Sequence
from math import fsum
from typing import Literal

from attrs import field, frozen
from attrs.validators import in_
from torch import Tensor

from pnas_latency.expectation import expected_cost, expected_max
from pnas_ops import Architecture, SearchSpace, Workload, workloads

Rows = Sequence[Sequence[Workload]]
Costs = tuple[tuple[float, ...], ...]


@frozen(kw_only=True)
class Metric:
    """A cost that a net has by its workloads: their sum, or the largest of them.

    Attributes:
        name: what it is.
        unit: its unit: "ms", "bytes".
        rows: the costs of rows of workloads, one row a position of a net.
        combine: "sum" where a net costs the sum of its workloads, "max" where it costs as much as its largest.
        constant: what a net costs besides its workloads. For "max" it is the least that any net costs.
    """

    name: str
    unit: str
    rows: Callable[[Rows], Costs]
    combine: Literal["sum", "max"] = field(default="sum", validator=in_(("sum", "max")))
    constant: float = 0.0

    def of(self, architecture: Architecture) -> float:
        """What a net costs."""
        return self._combined([row[0] for row in self.rows(workloads(architecture))])

    def costs(self, space: SearchSpace) -> Costs:
        """The cost of every candidate of every searched block, as `expected_cost` and `expected_max` take them."""
        return self.parts(space)[1]

    def fixed(self, space: SearchSpace) -> float:
        """What stem, head and constant cost, which all nets of the space have in common."""
        return self._combined(self.parts(space)[0])

    def parts(self, space: SearchSpace) -> tuple[tuple[float, ...], Costs]:
        """The costs of stem and head, one by one and without the constant, and the `costs` of what is searched."""
        rows = self.rows(workloads(space))
        stem = len(space.stem)
        return tuple(row[0] for row in (*rows[:stem], rows[-1])), rows[stem:-1]

    def cheapest(self, space: SearchSpace, *, name: str = "cheapest") -> Architecture:
        """The net that takes the candidate of least cost at every block, of equal ones the first."""
        return space.architecture([row.index(min(row)) for row in self.costs(space)], name=name)

    def expected(self, probs: Sequence[Tensor], space: SearchSpace) -> Tensor:
        """The expected cost of a net whose blocks are drawn independently, differentiable in the probabilities.

        Args:
            probs: the probabilities of each searched block's candidates, each of shape (candidates of that block,).
            space: the space that they choose from.

        Returns:
            A scalar in `unit`.
        """
        if self.combine == "max":
            return expected_max(probs, self.costs(space), least=self.fixed(space))
        return self.fixed(space) + expected_cost(probs, self.costs(space))

    def _combined(self, costs: Sequence[float]) -> float:
        return max(self.constant, *costs) if self.combine == "max" else fsum((self.constant, *costs))
