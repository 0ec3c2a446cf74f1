"""From probabilities to a net with the requested latency: chosen, measured, and chosen again where it missed."""

from collections.abc import Callable, Sequence
from functools import partial
from math import inf

import torch
from attrs import evolve, field, frozen
from attrs.validators import min_len, optional
from torch import Tensor

from pnas_latency.choosing.budget import Budget
from pnas_latency.choosing.infeasible import InfeasibleBudgetError
from pnas_latency.choosing.near_limit import AIMS_BELOW, MOST_BELOW, Choose, choose_near, narrowed_limits
from pnas_latency.choosing.within_budget import choose_within_budget
from pnas_latency.metrics.metric import UnknownCostError
from pnas_latency.metrics.sharing import Shared
from pnas_latency.tables.table import LatencyTable
from pnas_ops import AnyNet, AnySpace, Range, html_table, shortened

_MILLISECONDS = Range(0.0, 1e9)

_ATTEMPTS = 4


@frozen(kw_only=True, repr=False)
class Attempt:
    """A net that was chosen, and what it takes.

    Attributes:
        architecture: the net.
        predicted_ms: its latency by the table.
        measured_ms: its latency on the device; None where it was not measured.
        aimed_below: how far below the target its prediction was allowed to be, as a share of it: 0.035, or where no net
            is so near the first of 0.05, 0.1, 0.2, 0.4 and 1 that has one; None where nothing was aimed at.
    """

    architecture: AnyNet
    predicted_ms: float = field(validator=_MILLISECONDS)
    measured_ms: float | None = field(default=None, validator=optional(_MILLISECONDS))
    aimed_below: float | None = field(default=None, validator=optional(Range(0.0, 1.0)))

    def __repr__(self) -> str:
        return f"<Attempt {_described(self)}>"

    @property
    def latency_ms(self) -> float:
        """What it takes as far as is known: measured, or else predicted."""
        return self.predicted_ms if self.measured_ms is None else self.measured_ms


@frozen(kw_only=True, repr=False)
class Landing:
    """How a search came down on its budget.

    Attributes:
        target_ms: the requested latency, if any.
        attempts: the nets that were chosen, in order.
        chosen: which of them it is.
        by_probs: whether the nets are the most probable ones, and were not chosen in another way.
    """

    target_ms: float | None = field(validator=optional(Range(0.0, 1e9, above=True)))
    attempts: tuple[Attempt, ...] = field(validator=min_len(1))
    chosen: int = field()
    by_probs: bool = True

    @chosen.validator
    def _check_chosen(self, attribute: object, chosen: int) -> None:
        if not 0 <= chosen < len(self.attempts):
            raise ValueError(f"chosen must be one of {len(self.attempts)} attempts, counted from 0, got {chosen}")

    def __repr__(self) -> str:
        asked = "without a requested latency" if self.target_ms is None else f"on {self.target_ms:.4g} ms"
        remark = f"; {self.remark}" if self.remark else ""
        return f"<Landing {asked}: net {self.chosen + 1} of {len(self.attempts)}, {_described(self.result)}{remark}>"

    def _repr_html_(self) -> str:
        target_ms = self.target_ms
        rows = [
            [
                attempt.architecture.name,
                f"{attempt.predicted_ms:.4f}",
                "" if attempt.measured_ms is None else f"{attempt.measured_ms:.4f}",
                "" if target_ms is None else f"{attempt.latency_ms / target_ms:.1%}",
                "taken" if index == self.chosen else "",
            ]
            for index, attempt in enumerate(self.attempts)
        ]
        caption = "Landing without a requested latency" if target_ms is None else f"Landing on {target_ms:.4f} ms"
        if self.remark:
            caption = f"{caption}: {self.remark}"
        return html_table(caption, ["net", "predicted ms", "measured ms", "of the target", ""], rows)

    @property
    def result(self) -> Attempt:
        """The net that it is."""
        return self.attempts[self.chosen]

    @property
    def remark(self) -> str:
        """A sentence where no net was found as near below the target as it should be; else empty."""
        below = self.result.aimed_below
        if below is None or below <= MOST_BELOW:
            return ""
        nearer = max(aim for aim in AIMS_BELOW if aim < below)
        return f"no net within the limits uses {1 - nearer:.0%} of the requested latency, as predicted"


def check_budget(space: AnySpace, table: LatencyTable, budget: Budget) -> None:
    """Refuses, before a search and not after it, a budget that no net is within, or that is none for the space.

    Raises:
        InfeasibleBudgetError: naming the budget, and the cheapest net.
        UnknownCostError: for a limit that the space's costs cannot tell, see `Metric.priced`.
        MissingWorkloadsError: for a table that lacks a workload of the space.
    """
    uniform = [torch.full((count,), 1 / count) for count in space.options]
    choose_within_budget(uniform, space, budget.limits(table))


def land_on_budget(
    probs: Sequence[Tensor],
    space: AnySpace,
    table: LatencyTable,
    budget: Budget,
    measure: Callable[[AnyNet], float] | None = None,
    *,
    name: str = "",
    shared: Shared = None,
    choose: Choose[AnyNet] | None = None,
) -> Landing:
    """The most probable net within the budget that makes use of it.

    The table's prediction of one net can be off by a few per cent. Where the net can be measured and misses the
    target, the budget of the next choice is corrected by how far the prediction was off.

    Args:
        probs: of each choice's options, such as a searched block's candidates, each (options,).
        space: of the nets.
        table: predicts them.
        budget: what is asked for. Without a latency the net is to make use of the limit that the search was held back
            by (`pressed_limit`); where there is none, it is the most probable one.
        measure: the latency of a whole net in milliseconds, on the device of the table, such as
            `partial(measure_net_ms, device)`; None where that device is not here.
        name: of the net; the space's by default.
        shared: of each searched block the number of its choice, see `choose_within_budget`; each has its own if None.
        choose: takes a net within limits in the place of the most probable one, such as the one that a fit of judged
            nets holds for the best (`fitted_probs`); it names its nets itself.

    Returns:
        At most four attempts. The one that is taken is the first that keeps the target and uses 95% of it; where none
        does, the one that is nearest to that, which may be above the target. Where no net is predicted so near, those
        tried are the most probable of all that use 90%, or 80%, 60%, any part of it: `Landing.remark` says so.

    Raises:
        InfeasibleBudgetError: naming the budget that no net is within, and the cheapest net.
        UnknownCostError: for a limit that the space's costs cannot tell, see `Metric.priced`, and for a measurement
            that is not positive and finite.
        MissingWorkloadsError: for a table that lacks a workload of the space.
    """
    by_probs = choose is None
    if choose is None:
        choose = partial(choose_within_budget, probs, space, name=name, shared=shared)
    target_ms = budget.latency_ms
    if target_ms is None:
        architecture = choose(narrowed_limits(probs, space, budget.limits(table), shared=shared))
        only = Attempt(architecture=architecture, predicted_ms=table.predict_ms(architecture))
        return Landing(target_ms=None, attempts=(only,), chosen=0, by_probs=by_probs)
    attempts: list[Attempt] = []
    measured_per_predicted = 1.0
    while len(attempts) < _ATTEMPTS:
        corrected = evolve(budget, latency_ms=target_ms / measured_per_predicted)
        try:
            latency, *counts = corrected.limits(table)
            architecture, below = choose_near(choose, [latency, *counts], latency)
        except InfeasibleBudgetError:
            if not attempts:
                raise
            break  # The device is so much slower than its table that the corrected budget has no net.
        if any(attempt.architecture == architecture for attempt in attempts):
            break
        predicted_ms = table.predict_ms(architecture)
        measured_ms = None if measure is None else _checked(measure(architecture), architecture)
        attempt = Attempt(
            architecture=architecture, predicted_ms=predicted_ms, measured_ms=measured_ms, aimed_below=below
        )
        attempts.append(attempt)
        if measured_ms is None or _excess(attempt, target_ms) == 0:
            break
        measured_per_predicted = measured_ms / predicted_ms
    best = min(range(len(attempts)), key=lambda index: _excess(attempts[index], target_ms))
    return Landing(target_ms=target_ms, attempts=tuple(attempts), chosen=best, by_probs=by_probs)


def _checked(measured_ms: float, architecture: AnyNet) -> float:
    if not 0 < measured_ms < inf:
        raise UnknownCostError(
            f"net {architecture.name!r} was measured at {measured_ms} ms", "see what the device does, and measure again"
        )
    return measured_ms


def _described(attempt: Attempt) -> str:
    measured = "not measured" if attempt.measured_ms is None else f"{attempt.measured_ms:.4g} ms measured"
    return f"{shortened(attempt.architecture.name)!r}: {attempt.predicted_ms:.4g} ms predicted, {measured}"


def _excess(attempt: Attempt, target_ms: float) -> float:
    """How far a net is outside the window below the target, of the target."""
    share = attempt.latency_ms / target_ms
    return max(share - 1, 1 - MOST_BELOW - share, 0.0)
