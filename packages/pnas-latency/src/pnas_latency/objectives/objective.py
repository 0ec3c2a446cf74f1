"""What alpha minimizes where a net's cost matters beside its loss. All losses and costs are scalar tensors."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from attrs import define, field, frozen
from attrs.validators import ge, gt
from torch import Tensor

from pnas_latency.metrics.metric import Metric
from pnas_ops import Space


class Term(Protocol):
    """One step from the task's loss to the objective, by one expected cost."""

    def __call__(self, loss: Tensor, cost: Tensor) -> Tensor: ...


@frozen(kw_only=True)
class LinearPenalty:
    """loss + weight * (E - reference) / reference.

    The original's "add#linear" form of ProxylessNAS's equation 7 (arXiv 1812.00332).

    Attributes:
        weight: what a cost of twice the reference adds to the loss.
        reference: the cost that adds nothing; a cheaper net is rewarded.
    """

    weight: float = field(validator=ge(0.0))
    reference: float = field(validator=gt(0.0))

    def __call__(self, loss: Tensor, cost: Tensor) -> Tensor:
        return loss + self.weight * (cost - self.reference) / self.reference


@frozen(kw_only=True)
class AbsolutePenalty:
    """loss + weight * |E / target - 1|, which draws towards the target from both sides (TuNAS, arXiv 2008.06120).

    Attributes:
        weight: what a cost of twice the target adds to the loss.
        target: the cost that is wanted.
    """

    weight: float = field(validator=ge(0.0))
    target: float = field(validator=gt(0.0))

    def __call__(self, loss: Tensor, cost: Tensor) -> Tensor:
        return loss + self.weight * (cost / self.target - 1).abs()


@frozen(kw_only=True)
class MultiplicativeLog:
    """scale * loss * (log E / log reference) ** exponent: "mul#log", which the original's published search used.

    Attributes:
        reference: the cost at which the factor is `scale`.
        scale: alpha of the original.
        exponent: beta of the original.
        unit: the cost whose logarithm is 0: 1 for the original's milliseconds on a phone. Costs must be above it, so
            nets of less than a few milliseconds need a smaller one.
    """

    reference: float = field(validator=gt(0.0))
    scale: float = field(default=0.2, validator=gt(0.0))
    exponent: float = field(default=0.3, validator=ge(0.0))
    unit: float = field(default=1.0, validator=gt(0.0))

    def __attrs_post_init__(self) -> None:
        if self.reference <= self.unit:
            raise ValueError(
                f"the reference {self.reference:g} must be above the unit {self.unit:g}: take a smaller unit"
            )

    def __call__(self, loss: Tensor, cost: Tensor) -> Tensor:
        """The objective.

        Raises:
            ValueError: for a cost that is not above `unit`.
        """
        if not cost > self.unit:
            raise ValueError(
                f"a cost of {float(cost):g} has no positive logarithm in units of {self.unit:g}: make it smaller"
            )
        logarithm = torch.log(cost / self.unit) / torch.log(cost.new_tensor(self.reference / self.unit))
        return self.scale * loss * logarithm**self.exponent


@define(kw_only=True)
class Constraint:
    """E <= at_most, by a multiplier that adapts: one search lands on the budget, whatever a millisecond is worth.

    The augmented Lagrangian of the relative excess c = E / limit - 1 adds (max(0, m + damping c)^2 - m^2) / (2 damping)
    to the loss. Its gradient is that of c times max(0, m + damping c): the multiplier m is what the constraint costs at
    the optimum, and the damping keeps E from swinging around the limit while m is found by dual ascent,
    m <- max(0, m + rate c).

    The limit falls from the first E to `at_most`, by equal factors, over the first `tightening` steps. A search begins
    far above its budget, and the pull from there would be so strong that it takes the cheapest candidate everywhere,
    long before the loss has a say: Adam moves every alpha by as much, however little a candidate saves.

    Attributes:
        at_most: the budget.
        rate: of the dual ascent, for one architecture step.
        damping: of the swings; also what makes the objective convex where the loss is not.
        tightening: number of steps.
        multiplier: m, in units of the loss.
        steps: how often it has adapted.
        first_cost: the first E; None before it is known.

    References:
        Rockafellar 1973, "The multiplier method of Hestenes and Powell applied to convex programming"; Platt and Barr
        1987, "Constrained differential optimization".
    """

    at_most: float = field(validator=gt(0.0))
    rate: float = field(default=0.05, validator=gt(0.0))
    damping: float = field(default=2.0, validator=gt(0.0))
    tightening: int = field(default=0, validator=ge(0))
    multiplier: float = field(default=0.0, validator=ge(0.0))
    steps: int = 0
    first_cost: float | None = None

    @property
    def limit(self) -> float:
        """What E is held to now."""
        if self.first_cost is None or self.first_cost <= self.at_most or self.steps >= self.tightening:
            return self.at_most
        return self.at_most * math.pow(self.first_cost / self.at_most, 1 - self.steps / self.tightening)

    def __call__(self, loss: Tensor, cost: Tensor) -> Tensor:
        if self.tightening and self.first_cost is None:
            return loss
        pull = (self.multiplier + self.damping * (cost / self.limit - 1)).clamp(min=0.0)
        return loss + (pull**2 - self.multiplier**2) / (2 * self.damping)

    def adapt(self, cost: float) -> None:
        """A step of the dual ascent."""
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


class ExpectedObjective:
    """The objective of a search of `space`: its terms in turn, each by the expectation of its metric (eq. 5, 6).

    Args:
        space: whose probabilities are given.
        terms: each with the metric that it is about; several may be about one metric, and any number constraints.

    Raises:
        MissingWorkloadsError: for a metric that lacks some of the space's workloads.
    """

    def __init__(self, space: Space, terms: Sequence[tuple[Metric, Term]]) -> None:
        self.terms = tuple((metric.expectation(space), term) for metric, term in terms)

    def __call__(self, loss: Tensor, probs: Sequence[Tensor]) -> Tensor:
        """The objective for the task's loss and the probabilities of each searched block, each (candidates,)."""
        for expectation, term in self.terms:
            loss = term(loss, expectation(probs))
        return loss

    def adapt(self, probs: Sequence[Tensor]) -> None:
        """A step of the multipliers, after each architecture step."""
        for expectation, term in self.terms:
            if isinstance(term, Constraint):
                term.adapt(float(expectation(probs)))

    def state_dict(self) -> dict[str, Any]:
        """What the constraints have come to."""
        return {"constraints": [term.state_dict() for term in self._constraints]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` returned.

        Raises:
            ValueError: for the state of an objective with other terms.
        """
        found, ours = len(state.get("constraints", ())), len(self._constraints)
        if found != ours:
            raise ValueError(f"the objective has {ours} constraints, had {found}")
        for constraint, one in zip(self._constraints, state["constraints"], strict=True):
            constraint.load_state_dict(one)

    @property
    def _constraints(self) -> list[Constraint]:
        return [term for _, term in self.terms if isinstance(term, Constraint)]
