"""Landing on a budget: which net is taken, measured, and what is taken where it misses."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from attrs import evolve
from torch import Tensor

from pnas_latency import (
    MACS,
    Attempt,
    Budget,
    InfeasibleBudgetError,
    Landing,
    LatencyTable,
    TableEntry,
    UnknownCostError,
    check_budget,
    land_on_budget,
    measure_net_ms,
)
from pnas_latency.choosing.near_limit import MOST_BELOW
from pnas_ops import (
    AnyNet,
    Architecture,
    Measurement,
    Workload,
    architecture_macs,
    digits_mbconv_space,
    from_json,
    to_json,
    workloads,
)
from tables import DEVICE, measurement

SPACE = digits_mbconv_space()


@pytest.fixture(scope="module")
def table() -> LatencyTable:
    """Latencies between 0.1 and 1.1 ms."""
    found = list(dict.fromkeys(w for row in workloads(SPACE) for w in row if not w.block.computes_nothing))
    values = torch.rand(len(found), generator=torch.Generator().manual_seed(1)).tolist()
    entries = tuple(
        TableEntry(workload=w, measurement=measurement(0.1 + v)) for w, v in zip(found, values, strict=True)
    )
    return LatencyTable(device=DEVICE, measured_on="2026-01-02", entries=entries)


@pytest.fixture(scope="module")
def probs() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(len(row), generator=generator, dtype=torch.float64).softmax(0) for row in SPACE.mixed]


def of_all_nets(rows: list[list[float]]) -> Tensor:
    """The sum of one value a block for every net: a tensor with a dimension a block."""
    total = torch.zeros([len(row) for row in rows], dtype=torch.float64)
    for index, row in enumerate(rows):
        shape = [1] * len(rows)
        shape[index] = len(row)
        total = total + torch.tensor(row, dtype=torch.float64).view(shape)
    return total


def best_between(probs: list[Tensor], table: LatencyTable, least_ms: float, most_ms: float) -> Architecture:
    """The most probable net of such a latency, among all nets."""
    costs = of_all_nets([list(row) for row in table.costs(SPACE)]) + table.fixed_ms(SPACE)
    log_probs = of_all_nets([row.log().tolist() for row in probs])
    log_probs[(costs < least_ms) | (costs > most_ms)] = -torch.inf
    best = torch.unravel_index(log_probs.argmax(), log_probs.shape)
    return SPACE.architecture([int(choice) for choice in best], name="net")


def land_on(
    target_ms: float | None,
    probs: list[Tensor],
    table: LatencyTable,
    measure: Callable[[AnyNet], float] | None,
    **limits: Any,
) -> Landing:
    return land_on_budget(probs, SPACE, table, Budget(latency_ms=target_ms, **limits), measure, name="net")


def test_without_a_budget_it_is_the_most_probable_net(probs: list[Tensor], table: LatencyTable) -> None:
    landing = land_on(None, probs, table, table.predict_ms)
    assert landing.result.architecture == SPACE.architecture([int(row.argmax()) for row in probs], name="net")
    assert len(landing.attempts) == 1


@pytest.mark.parametrize("target_ms", [3.0, 4.0, 5.0])
def test_a_table_that_is_right_needs_one_attempt(probs: list[Tensor], table: LatencyTable, target_ms: float) -> None:
    landing = land_on(target_ms, probs, table, table.predict_ms)
    assert len(landing.attempts) == 1
    assert landing.result.architecture == best_between(probs, table, 0.965 * target_ms, target_ms)


@pytest.mark.parametrize("factor", [0.8, 0.93, 1.04, 1.3])
def test_a_table_that_is_wrong_is_corrected_by_what_was_measured(
    probs: list[Tensor], table: LatencyTable, factor: float
) -> None:
    landing = land_on(4.0, probs, table, lambda net: factor * table.predict_ms(net))
    assert len(landing.attempts) == 2
    assert 4.0 * (1 - MOST_BELOW) <= landing.result.latency_ms <= 4.0
    assert landing.result == landing.attempts[1]


def test_of_several_misses_the_nearest_is_taken(probs: list[Tensor], table: LatencyTable) -> None:
    factors = iter([1.2, 0.7, 1.1, 0.9])
    landing = land_on(4.0, probs, table, lambda net: next(factors) * table.predict_ms(net))
    missed = [max(one.latency_ms / 4 - 1, 1 - MOST_BELOW - one.latency_ms / 4) for one in landing.attempts]
    assert landing.chosen == missed.index(min(missed))


def test_a_device_too_slow_for_any_other_net_keeps_the_first(probs: list[Tensor], table: LatencyTable) -> None:
    landing = land_on(3.0, probs, table, lambda net: 2 * table.predict_ms(net))
    assert len(landing.attempts) == 1


def test_where_the_device_is_not_here_the_prediction_counts(probs: list[Tensor], table: LatencyTable) -> None:
    landing = land_on(4.0, probs, table, None)
    assert landing.result.measured_ms is None
    assert landing.result.architecture == best_between(probs, table, 0.965 * 4, 4.0)


def test_other_limits_hold_too_and_may_keep_a_net_from_its_target(probs: list[Tensor], table: LatencyTable) -> None:
    free = land_on(5.0, probs, table, table.predict_ms).result.architecture
    most_macs = 0.6 * MACS.of(free)
    bound = land_on(5.0, probs, table, table.predict_ms, macs=most_macs).result
    assert MACS.of(bound.architecture) <= most_macs
    least_macs = architecture_macs(SPACE.architecture([row.index(min(row)) for row in MACS.costs(SPACE)]))
    nearly = land_on(5.0, probs, table, table.predict_ms, macs=least_macs).result
    assert MACS.of(nearly.architecture) == least_macs
    assert nearly.predicted_ms < 0.965 * 5.0


@pytest.mark.parametrize(
    ("used", "aimed_below", "remark"),
    [
        (0.97, 0.035, None),
        (0.955, 0.05, None),
        (0.93, 0.1, "95%"),
        (0.85, 0.2, "90%"),
        (0.7, 0.4, "80%"),
        (0.3, 1.0, "60%"),
    ],
)
def test_where_no_net_is_near_the_target_the_next_nearest_are_looked_at_step_by_step(
    used: float, aimed_below: float, remark: str | None
) -> None:
    """A net uses so much of the target, a far more probable one a quarter of that, and all others too much."""
    found = [w for row in workloads(SPACE) for w in row]
    slow, fast, rest = 4.0 * used, used, 1e-6
    first = workloads(SPACE)[SPACE.searched[0]]
    costs = dict.fromkeys(found, rest) | dict.fromkeys(first, 5.0) | {first[0]: fast, first[1]: slow}
    entries = tuple(
        TableEntry(workload=w, measurement=measurement(c)) for w, c in costs.items() if not w.block.computes_nothing
    )
    table = LatencyTable(device=DEVICE, measured_on="2026-01-02", entries=entries)
    probs = [torch.tensor([0.9, 0.01, *[0.01] * (len(row) - 2)], dtype=torch.float64) for row in SPACE.mixed]

    landing = land_on(4.0, probs, table, table.predict_ms)

    assert landing.result.predicted_ms == pytest.approx(fast if aimed_below == 1 else slow, rel=1e-4)
    assert landing.result.aimed_below == aimed_below
    assert landing.remark == (
        "" if remark is None else f"no net within the limits uses {remark} of the requested latency, as predicted"
    )
    assert landing.remark in repr(landing)
    assert landing.remark in landing._repr_html_()
    assert from_json(to_json(landing), Landing) == landing


def test_a_budget_that_no_net_is_within_is_told_with_the_cheapest(table: LatencyTable) -> None:
    cheapest = sum(min(row) for row in table.costs(SPACE)) + table.fixed_ms(SPACE)
    with pytest.raises(InfeasibleBudgetError, match=r"at most 0\.2 ms") as refused:
        check_budget(SPACE, table, Budget(latency_ms=0.2))
    named = re.search(r"the cheapest takes ([\d.]+) ms", str(refused.value))
    assert named is not None
    assert len(named[1].replace(".", "").lstrip("0")) <= 3
    check_budget(SPACE, table, Budget(latency_ms=float(named[1])))
    assert float(named[1]) == pytest.approx(cheapest, rel=1e-2)


def test_the_nearest_may_be_the_first_that_was_tried(probs: list[Tensor], table: LatencyTable) -> None:
    factors = iter([1.06, 1.2, 0.8, 1.3])
    landing = land_on(4.0, probs, table, lambda net: next(factors) * table.predict_ms(net))
    assert len(landing.attempts) == 4
    assert landing.chosen == 0
    assert landing.result.latency_ms == landing.attempts[0].measured_ms


def test_each_choice_is_corrected_by_the_last_measurement_alone(probs: list[Tensor], table: LatencyTable) -> None:
    factors = [1.2, 0.8, 1.1, 1.3]
    measured = iter(factors)
    landing = land_on(4.0, probs, table, lambda net: next(measured) * table.predict_ms(net))
    assert len(landing.attempts) == 4
    for attempt, factor in zip(landing.attempts, [1.0, *factors[:3]], strict=True):
        net = best_between(probs, table, 0.965 * 4.0 / factor, 4.0 / factor)
        assert attempt.architecture == net
        assert attempt.predicted_ms == table.predict_ms(net)


@pytest.mark.parametrize(("share", "attempts"), [(0.951, 1), (0.949, 2), (1.001, 2), (0.999, 1)])
def test_the_window_is_the_target_and_a_twentieth_below_it(
    probs: list[Tensor], table: LatencyTable, share: float, attempts: int
) -> None:
    shares = iter([share, 0.97])
    assert len(land_on(4.0, probs, table, lambda net: 4.0 * next(shares)).attempts) == attempts


def test_without_a_name_and_a_device_the_net_is_the_spaces(probs: list[Tensor], table: LatencyTable) -> None:
    landing = land_on_budget(probs, SPACE, table, Budget(latency_ms=4.0))
    assert landing.result.architecture.name == SPACE.name
    assert landing.result.measured_ms is None
    assert landing.result.latency_ms == landing.result.predicted_ms


def test_a_whole_net_is_measured_with_the_cost_of_a_call() -> None:
    net = SPACE.architecture([0] * 6)

    class Board:
        """Takes 3 ms for a net, and 0.25 ms for a call."""

        info = DEVICE

        def measure(
            self, rows: Sequence[Sequence[Workload]], *, nets: Sequence[Architecture] = (), progress: object = None
        ) -> Iterator[tuple[Workload | Architecture, Measurement]]:
            assert (rows, nets) == ([], [net])
            yield net, measurement(3.0, overhead_ms=0.25)

    assert measure_net_ms(Board(), net) == 3.25


def test_a_landing_says_in_a_line_and_in_a_table_what_was_tried() -> None:
    net = SPACE.architecture([0] * 6, name="<net>")
    attempts = (
        Attempt(architecture=net, predicted_ms=3.75, measured_ms=4.25),
        Attempt(architecture=net, predicted_ms=3.5, measured_ms=3.9),
    )
    landing = Landing(target_ms=4.0, attempts=attempts, chosen=1)
    assert repr(landing) == "<Landing on 4 ms: net 2 of 2, '<net>': 3.5 ms predicted, 3.9 ms measured>"
    assert repr(attempts[0]) == "<Attempt '<net>': 3.75 ms predicted, 4.25 ms measured>"
    cells = re.findall("<td>(.*?)</td>", landing._repr_html_())
    assert cells == [
        *("&lt;net&gt;", "3.7500", "4.2500", "106.2%", ""),
        *("&lt;net&gt;", "3.5000", "3.9000", "97.5%", "taken"),
    ]
    free = Landing(target_ms=None, attempts=(Attempt(architecture=net, predicted_ms=3.5),), chosen=0)
    assert repr(free) == "<Landing without a requested latency: net 1 of 1, '<net>': 3.5 ms predicted, not measured>"
    assert re.findall("<td>(.*?)</td>", free._repr_html_()) == ["&lt;net&gt;", "3.5000", "", "", "taken"]


def test_a_landing_goes_through_json(probs: list[Tensor], table: LatencyTable) -> None:
    for measure in (None, table.predict_ms):
        landing = land_on(4.0, probs, table, measure)
        assert from_json(to_json(landing), Landing) == landing
    assert evolve(landing, target_ms=None).target_ms is None


@pytest.mark.parametrize("measured_ms", [0.0, -1.0, float("nan"), float("inf")])
def test_a_measurement_that_is_none_is_refused_by_name(
    probs: list[Tensor], table: LatencyTable, measured_ms: float
) -> None:
    with pytest.raises(UnknownCostError, match=f"net 'net' was measured at {measured_ms} ms: see what the device does"):
        land_on(4.0, probs, table, lambda net: measured_ms)


@pytest.mark.parametrize("chosen", [-1, 1, 99])
def test_a_landing_is_one_of_its_attempts(probs: list[Tensor], table: LatencyTable, chosen: int) -> None:
    landing = land_on(None, probs, table, None)
    with pytest.raises(ValueError, match=f"chosen must be one of 1 attempts, counted from 0, got {chosen}"):
        evolve(landing, chosen=chosen)
    with pytest.raises(ValueError, match="attempts"):
        evolve(landing, attempts=())


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_is_a_positive_number(limit: float) -> None:
    with pytest.raises(ValueError, match="latency_ms"):
        Budget(latency_ms=limit)
