"""A price that adapts until the expected cost meets its limit."""

import math
from math import inf
from typing import Any

from attrs import define, field
from torch import Tensor

from pnas_ops import Range


@define(kw_only=True)
class Constraint:
    """E <= at_most, by a multiplier that adapts: one search lands on the budget, whatever a millisecond is worth.

    The augmented Lagrangian of the relative excess c = E / limit - 1 adds (max(0, m + damping c)^2 - m^2) / (2 damping)
    to the loss. Its gradient is that of c times max(0, m + damping c). The multiplier m is the price of the constraint
    at the optimum; it is found by dual ascent, m <- max(0, m + rate c), while the damping keeps E from oscillating
    around the limit.

    The limit falls from the first E to `at_most`, by equal factors, over the first `tightening` steps. A search begins
    far above its budget. With the full pull from there, it would take the cheapest candidate everywhere long before the
    loss has a say: Adam moves every alpha by as much, however little a candidate saves.

    Attributes:
        at_most: the budget.
        rate: of the dual ascent, per architecture step.
        damping: of the oscillations; also makes the objective convex where the loss is not.
        tightening: number of steps over which the limit falls.
        multiplier: m, in units of the loss.
        steps: how often it has adapted.
        first_cost: the first E; None before it is known.

    References:
        Rockafellar 1973, "The multiplier method of Hestenes and Powell applied to convex programming"; Platt and Barr
        1987, "Constrained differential optimization".
    """

    at_most: float = field(validator=Range(0.0, 1e18, above=True))
    rate: float = field(default=0.05, validator=Range(0.0, 1e3, above=True))
    damping: float = field(default=2.0, validator=Range(0.0, 1e6, above=True))
    tightening: int = field(default=0, validator=Range(0, 10**12, whole=True))
    multiplier: float = field(default=0.0, validator=Range(0.0, inf, below=True))
    steps: int = 0
    first_cost: float | None = None

    @property
    def limit(self) -> float:
        """The present limit on E."""
        if self.first_cost is None or self.first_cost <= self.at_most or self.steps >= self.tightening:
            return self.at_most
        return self.at_most * math.pow(self.first_cost / self.at_most, 1 - self.steps / self.tightening)

    def __call__(self, loss: Tensor, cost: Tensor) -> Tensor:
        """The loss with the pull towards the limit; the loss alone until the first E is known."""
        if self.tightening and self.first_cost is None:
            return loss
        pull = (self.multiplier + self.damping * (cost / self.limit - 1)).clamp(min=0.0)
        return loss + (pull**2 - self.multiplier**2) / (2 * self.damping)

    def adapt(self, cost: float) -> None:
        """One step of the dual ascent."""
        if self.first_cost is None:
            self.first_cost = cost
        self.multiplier = max(0.0, self.multiplier + self.rate * (cost / self.limit - 1))
        self.steps += 1

    def state_dict(self) -> dict[str, Any]:
        """What has changed since the first step."""
        return {"multiplier": self.multiplier, "steps": self.steps, "first_cost": self.first_cost}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` returned."""
        self.multiplier, self.steps, self.first_cost = state["multiplier"], state["steps"], state["first_cost"]
