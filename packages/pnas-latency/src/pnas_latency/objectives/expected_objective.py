"""The objective of alpha where a net's expected cost matters as well as its loss."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from pnas_latency.metrics.metric import Metric
from pnas_latency.metrics.sharing import Shared
from pnas_latency.objectives.constraint import Constraint
from pnas_latency.objectives.penalties import Term
from pnas_ops import AnySpace


class ExpectedObjective:
    """The objective of a search of `space`: its terms applied in turn, each to its metric's expectation (eq. 5, 6).

    Args:
        space: of the nets that the probabilities describe.
        terms: each with its metric; several may have the same metric, and any number may be constraints.
        shared: the number of each searched block's choice, where blocks share choices; None if each has its own.

    Raises:
        MissingWorkloadsError: for a metric that lacks some of the space's workloads.
    """

    def __init__(self, space: AnySpace, terms: Sequence[tuple[Metric, Term]], *, shared: Shared = None) -> None:
        self.space = space
        self.terms = tuple((metric.expectation(space, shared=shared), term) for metric, term in terms)
        self._names = tuple(metric.name for metric, _ in terms)

    def __call__(self, loss: Tensor, probs: Sequence[Tensor]) -> Tensor:
        """The objective for the task's loss and the probabilities of each `MixedOp`, each (candidates,)."""
        of_choices = self.space.of_choices(probs)
        for expectation, term in self.terms:
            loss = term(loss, expectation(of_choices))
        return loss

    def adapt(self, probs: Sequence[Tensor]) -> None:
        """One step of the multipliers, to be called after each architecture step."""
        of_choices = self.space.of_choices(probs)
        for expectation, term in self.terms:
            if isinstance(term, Constraint):
                term.adapt(float(expectation(of_choices)))

    @property
    def multipliers(self) -> Mapping[str, float]:
        """The constraints' multipliers by the names of their metrics; the highest where several limit one metric."""
        found: dict[str, float] = {}
        for name, (_, term) in zip(self._names, self.terms, strict=True):
            if isinstance(term, Constraint):
                found[name] = max(term.multiplier, found.get(name, 0.0))
        return found

    def state_dict(self) -> dict[str, Any]:
        """The state of the constraints."""
        return {"constraints": [term.state_dict() for term in self._constraints]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` returned.

        Raises:
            ValueError: for the state of an objective with other terms.
        """
        found, ours = len(state.get("constraints", ())), len(self._constraints)
        if found != ours:
            raise ValueError(f"the objective has {ours} constraints, the state has {found}")
        for constraint, one in zip(self._constraints, state["constraints"], strict=True):
            constraint.load_state_dict(one)

    @property
    def _constraints(self) -> list[Constraint]:
        return [term for _, term in self.terms if isinstance(term, Constraint)]
