"""From probabilities to a net that runs in the time that was asked for: chosen, measured, perhaps chosen anew."""

from collections.abc import Callable, Sequence

import torch
from attrs import frozen
from torch import Tensor

from pnas_latency.choosing.budget import Budget
from pnas_latency.choosing.infeasible import InfeasibleBudgetError
from pnas_latency.choosing.within_budget import choose_within_budget
from pnas_latency.tables.table import LatencyTable
from pnas_ops import Architecture, Space

MOST_BELOW = 0.05
"""Of the target: a net that leaves more of it unused has been given away."""

_AIM_BELOW = 0.035
"""Where to look for a net at first: nearer to the target, so that an error of measurement leaves it in the window."""

_ATTEMPTS = 4


@frozen(kw_only=True)
class Attempt:
    """A net that was chosen, and what it takes; None where it was not measured."""

    architecture: Architecture
    predicted_ms: float
    measured_ms: float | None = None


@frozen(kw_only=True)
class Landing:
    """How a search came down on its budget.

    Attributes:
        target_ms: the latency that was asked for, if any.
        attempts: the nets that were chosen, in order.
        chosen: which of them it is.
    """

    target_ms: float | None
    attempts: tuple[Attempt, ...]
    chosen: int

    @property
    def result(self) -> Attempt:
        """The net that it is."""
        return self.attempts[self.chosen]


def check_budget(space: Space, table: LatencyTable, budget: Budget) -> None:
    """Tells before a search, not after it, that no net is within the budget, or that it is none for the space.

    Raises:
        InfeasibleBudgetError: naming the budget, and the cheapest net.
        UnknownCostError: for a limit that the space's costs cannot tell, see `Metric.parts`.
        MissingWorkloadsError: for a table that lacks a workload of the space.
    """
    uniform = [torch.full((len(row),), 1 / len(row)) for row in space.mixed]
    _choose(uniform, space, table, budget, budget.latency_ms, None, name="")


def land(
    probs: Sequence[Tensor],
    space: Space,
    table: LatencyTable,
    budget: Budget,
    measure: Callable[[Architecture], float] | None,
    *,
    name: str,
) -> Landing:
    """The most probable net within the budget that makes use of it.

    The table's prediction of one net can be off by a few per cent. Where the net can be measured and misses the
    target, the budget of the next choice is corrected by how far the prediction was off.

    Args:
        probs: of each searched block's candidates, each (candidates,).
        space: of the nets.
        table: predicts them.
        budget: what is asked for; without any limit the most probable net is taken.
        measure: the latency of a whole net in milliseconds, on the device of the table; None where that is not here.
        name: of the net.

    Raises:
        InfeasibleBudgetError: naming the budget that no net is within, and the cheapest net.
    """
    target_ms = budget.latency_ms
    if target_ms is None:
        architecture = _choose(probs, space, table, budget, None, None, name=name)
        only = Attempt(architecture=architecture, predicted_ms=table.predict_ms(architecture))
        return Landing(target_ms=None, attempts=(only,), chosen=0)
    attempts: list[Attempt] = []
    measured_per_predicted = 1.0
    while len(attempts) < _ATTEMPTS:
        latency_ms = target_ms / measured_per_predicted
        least_ms = (1 - _AIM_BELOW) * latency_ms
        try:
            architecture = _choose(probs, space, table, budget, latency_ms, least_ms, name=name)
        except InfeasibleBudgetError:
            if not attempts:
                raise
            break  # The device is so much slower than its table that the corrected budget has no net.
        if any(attempt.architecture == architecture for attempt in attempts):
            break
        predicted_ms = table.predict_ms(architecture)
        measured_ms = None if measure is None else measure(architecture)
        attempts.append(Attempt(architecture=architecture, predicted_ms=predicted_ms, measured_ms=measured_ms))
        if measured_ms is None or _excess(attempts[-1], target_ms) == 0:
            break
        measured_per_predicted = measured_ms / predicted_ms
    best = min(range(len(attempts)), key=lambda index: _excess(attempts[index], target_ms))
    return Landing(target_ms=target_ms, attempts=tuple(attempts), chosen=best)


def _excess(attempt: Attempt, target_ms: float) -> float:
    """How far a net is outside the window below the target, of the target."""
    share = (attempt.predicted_ms if attempt.measured_ms is None else attempt.measured_ms) / target_ms
    return max(share - 1, 1 - MOST_BELOW - share, 0.0)


def _choose(
    probs: Sequence[Tensor],
    space: Space,
    table: LatencyTable,
    budget: Budget,
    latency_ms: float | None,
    least_ms: float | None,
    *,
    name: str,
) -> Architecture:
    if least_ms is not None:
        try:
            limits = budget.limits(table, latency_ms=latency_ms, least_ms=least_ms)
            return choose_within_budget(probs, space, limits, name=name)
        except InfeasibleBudgetError:
            pass  # There may be no net so near to the target, such as when other limits bind.
    return choose_within_budget(probs, space, budget.limits(table, latency_ms=latency_ms), name=name)
