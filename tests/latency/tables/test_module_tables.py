"""Tables of a space of somebody's module: its places are measured, its rest is what is left of a whole net."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve

from module_spaces import build_tiny, tiny_space
from pnas_latency import (
    MACS,
    PARAMETERS,
    Budget,
    Constraint,
    ExpectedObjective,
    InfeasibleBudgetError,
    LatencyTable,
    Limit,
    Metric,
    MissingWorkloadsError,
    TorchDevice,
    UnknownCostError,
    check_budget,
    choose_within_budget,
    draw_validation,
    expected_cost,
    file_bytes,
    land_on_budget,
    measure_net_ms,
    measure_table,
    peak_activation_bytes,
    validation_nets,
    weight_bytes,
)
from pnas_ops import (
    AnyNet,
    AnyWorkload,
    Measurement,
    ModuleArchitecture,
    ModuleBuilder,
    ModuleWorkload,
    NoBuilderError,
    Progress,
    count_macs,
    count_parameters,
    from_json,
    to_json,
    workloads,
)
from tables import DEVICE, measurement

SPACE = tiny_space()
NETS = [SPACE.architecture(choices) for choices in product(range(4), range(2))]
OVERHEAD_MS = 0.25
# By title at each place; what a skip takes is nothing.
TAKES_MS = {"filtering": (3.0, 7.0, 1.0, 0.0), "mixing": (2.0, 4.0)}
REST_MS = 5.0


def takes_ms(net: ModuleArchitecture) -> float:
    """What a net takes on the board, without the cost of a call."""
    choices = SPACE.choices(net)
    return REST_MS + sum(row[i] for row, i in zip(TAKES_MS.values(), choices, strict=True))


class Board:
    """A device on which all adds up; it remembers what it was asked."""

    info = DEVICE

    def __init__(self, rest_error_ms: float = 0.0) -> None:
        self.rows: list[list[list[AnyWorkload]]] = []
        self.nets: list[list[AnyNet]] = []
        self.rest_error_ms = rest_error_ms

    def measure(
        self,
        rows: Sequence[Sequence[AnyWorkload]],
        *,
        nets: Sequence[AnyNet] = (),
        build: ModuleBuilder | None = None,
        progress: Progress | None = None,
    ) -> Iterator[tuple[AnyWorkload | AnyNet, Measurement]]:
        assert build is build_tiny
        self.rows.append([list(row) for row in rows])
        self.nets.append(list(nets))
        known = {
            one: ms
            for row, place in zip(TAKES_MS.values(), SPACE.places, strict=True)
            for one, ms in zip(place.candidates, row, strict=True)
        }
        for row in rows:
            for one in row:
                assert isinstance(one, ModuleWorkload)
                yield one, measurement(known[one], OVERHEAD_MS)
        for net in nets:
            assert isinstance(net, ModuleArchitecture)
            yield net, measurement(takes_ms(net) + self.rest_error_ms, OVERHEAD_MS)


@pytest.fixture
def table() -> LatencyTable:
    judges = validation_nets(SPACE, cost=MACS, fit=2, held_out=4)
    return measure_table(Board(), SPACE, build=build_tiny, validation=judges)


def test_where_all_adds_up_every_net_is_predicted_exactly(table: LatencyTable) -> None:
    assert table.latency_ms(SPACE.rest) == REST_MS
    for net in NETS:
        assert table.predict_ms(net) == takes_ms(net) + OVERHEAD_MS
    assert table.costs(SPACE) == tuple(TAKES_MS.values())
    assert table.fixed_ms(SPACE) == REST_MS + OVERHEAD_MS
    assert table.validate().mape == 0
    assert table.calibrated().validate().mape < 1e-12
    table.check_fits(SPACE, DEVICE)


def test_a_device_is_asked_for_the_places_and_for_the_lightest_net_first() -> None:
    judges = validation_nets(SPACE, cost=MACS, fit=2, held_out=6)
    board = Board()
    table = measure_table(board, SPACE, build=build_tiny, validation=judges)
    assert board.rows == [[[one for one in row if not one.computes_nothing] for row in SPACE.mixed]]
    (nets,) = board.nets
    assert SPACE.choices(nets[0]) == (3, 0) == SPACE.choices(SPACE.lightest)
    # All eight nets, of which the lightest is one: measured once, and a judge nevertheless.
    assert sorted(map(SPACE.choices, nets)) == sorted(product(range(4), range(2)))
    assert [entry.architecture for entry in table.nets] == nets
    assert len(judges) == 8


def test_a_known_table_goes_on_with_what_is_missing(table: LatencyTable) -> None:
    assert measure_table(Board(), SPACE, build=build_tiny, known=table) == table
    without_rest = evolve(table, entries=tuple(one for one in table.entries if one.workload != SPACE.rest))
    board = Board()
    again = measure_table(board, SPACE, build=build_tiny, known=without_rest)
    # The rest is a difference within one session, for which the lightest candidates are measured once more.
    assert board.rows == [[[SPACE.mixed[1][0]]]]
    assert board.nets == [[SPACE.lightest]]
    assert dict(again.measurements) == dict(table.measurements)
    without_one = evolve(table, entries=tuple(one for one in table.entries if one.workload != SPACE.mixed[0][1]))
    board = Board()
    measure_table(board, SPACE, build=build_tiny, known=without_one)
    assert (board.rows, board.nets) == ([[[SPACE.mixed[0][1]]]], [[]])


def test_a_single_net_is_measured_as_its_own_whole() -> None:
    net = NETS[5]
    table = measure_table(Board(), net, build=build_tiny)
    assert table.predict_ms(net) == takes_ms(net) + OVERHEAD_MS
    assert table.latency_ms(SPACE.rest) == REST_MS
    assert measure_net_ms(Board(), net, build=build_tiny) == takes_ms(net) + OVERHEAD_MS


def test_a_rest_of_less_than_nothing_is_nothing_and_noisy() -> None:
    table = measure_table(Board(rest_error_ms=-5.5), SPACE, build=build_tiny)
    found = table.measurements[SPACE.rest]
    assert (found.latency_ms, found.noisy) == (0.0, True)
    assert not measure_table(Board(), SPACE, build=build_tiny).measurements[SPACE.rest].noisy


def test_without_what_builds_the_modules_nothing_is_measured() -> None:
    with pytest.raises(NoBuilderError, match="pass build="):
        measure_table(Board(), SPACE)
    with pytest.raises(NoBuilderError, match="pass build="):
        measure_net_ms(TorchDevice(), NETS[0])

    class ForBlocks(Board):
        def measure(self, rows, *, nets=(), progress=None):  # type: ignore[override]
            raise AssertionError

    with pytest.raises(NoBuilderError, match=r"^the device fake 1, .* measures blocks only: give its `measure`"):
        measure_table(ForBlocks(), SPACE, build=build_tiny)


def test_what_is_written_is_read_again(table: LatencyTable, tmp_path: Path) -> None:
    calibrated = table.calibrated()
    calibrated.save(tmp_path / "table.json")
    assert LatencyTable.load(tmp_path / "table.json") == calibrated
    landing = land_on_budget([torch.ones(4), torch.ones(2)], SPACE, table, Budget(latency_ms=9.0))
    assert from_json(to_json(landing), type(landing)) == landing


def test_a_workload_that_is_missing_is_named(table: LatencyTable) -> None:
    less = evolve(table, entries=table.entries[1:])
    gone = str(table.entries[0].workload)
    with pytest.raises(MissingWorkloadsError, match="lacks 1 workloads") as caught:
        less.check_fits(SPACE)
    assert gone in str(caught.value)
    with pytest.raises(MissingWorkloadsError):
        check_budget(SPACE, less, Budget(latency_ms=5.0))


def test_work_and_size_are_those_of_the_built_nets() -> None:
    for net in NETS:
        module = build_tiny(net)
        assert MACS.of(net) == count_macs(module, (1, 3, 8, 6))
        assert PARAMETERS.of(net) == count_parameters(module)
    assert MACS.fixed(SPACE) == SPACE.rest.macs


@pytest.mark.parametrize("metric", [weight_bytes("int8"), file_bytes("float32"), peak_activation_bytes("int8")])
def test_bytes_of_files_are_not_known_of_modules(metric: Metric, table: LatencyTable) -> None:
    message = r"^bytes in a file are counted for blocks, and rest @1x3x8x6 #\w+ is of somebody's module: limit its pa"
    with pytest.raises(UnknownCostError, match=message):
        metric.costs(SPACE)
    with pytest.raises(UnknownCostError, match=message):
        metric.of(NETS[0])
    with pytest.raises(UnknownCostError):
        check_budget(SPACE, table, Budget(weight_bytes=1000))


def test_the_expected_latency_is_the_mean_over_all_nets(table: LatencyTable) -> None:
    alphas = [torch.randn(n, generator=torch.Generator().manual_seed(n), dtype=torch.float64) for n in (4, 2)]
    probs = [alpha.softmax(0).requires_grad_() for alpha in alphas]
    shares = [prod(p[i].item() for p, i in zip(probs, SPACE.choices(net), strict=True)) for net in NETS]
    mean = sum(share * table.predict_ms(net) for share, net in zip(shares, NETS, strict=True))
    expected = table.metric().expected(probs, SPACE)
    assert expected.item() == pytest.approx(mean, rel=1e-12)
    assert expected_cost(probs, table.costs(SPACE)).item() + table.fixed_ms(SPACE) == pytest.approx(mean, rel=1e-12)
    expected.backward()
    assert [p.grad.tolist() for p in probs if p.grad is not None] == [list(row) for row in TAKES_MS.values()]
    objective = ExpectedObjective(SPACE, [(table.metric(), Constraint(at_most=8.0)), (MACS, Constraint(at_most=1e5))])
    assert objective(torch.tensor(1.0), probs) > 1.0


@pytest.mark.parametrize("at_most", [7.25, 8.0, 11.25, 13.3])
def test_the_chosen_net_is_the_best_of_those_within_the_budget(table: LatencyTable, at_most: float) -> None:
    probs = [torch.tensor([0.2, 0.5, 0.2, 0.1]), torch.tensor([0.3, 0.7])]

    def probability(net: ModuleArchitecture) -> float:
        return prod(p[i].item() for p, i in zip(probs, SPACE.choices(net), strict=True))

    within = [net for net in NETS if table.predict_ms(net) <= at_most]
    found = choose_within_budget(probs, SPACE, [Limit(metric=table.metric(), at_most=at_most)])
    assert isinstance(found, ModuleArchitecture)
    assert probability(found) == max(map(probability, within))
    assert table.predict_ms(found) <= at_most
    check_budget(SPACE, table, Budget(latency_ms=at_most))


def test_a_budget_below_the_lightest_net_is_refused_with_it(table: LatencyTable) -> None:
    message = r"^no net of 'tiny' takes at most 7 ms latency: .* 7.25 ms"
    with pytest.raises(InfeasibleBudgetError, match=message) as caught:
        check_budget(SPACE, table, Budget(latency_ms=7.0))
    assert SPACE.choices(caught.value.cheapest) == (3, 0)


def test_landing_corrects_by_what_is_measured(table: LatencyTable) -> None:
    probs = [torch.tensor([0.1, 0.6, 0.2, 0.1]), torch.tensor([0.3, 0.7])]

    def slower(net: AnyNet) -> float:
        return 1.2 * table.predict_ms(net)

    landing = land_on_budget(probs, SPACE, table, Budget(latency_ms=14.4), slower, name="landed")
    assert landing.result.measured_ms is not None
    assert landing.result.measured_ms <= 14.4
    assert landing.result.architecture.name == "landed"
    assert len(landing.attempts) > 1
    assert "landed" in landing._repr_html_()


def test_validation_nets_are_different_nets_of_the_space() -> None:
    drawn = validation_nets(SPACE, cost=MACS, fit=2, held_out=4, seed=3)
    assert drawn == validation_nets(SPACE, cost=MACS, fit=2, held_out=4, seed=3)
    assert len({SPACE.choices(one.architecture) for one in drawn}) == 6
    for one in drawn:
        if one.band:
            assert SPACE.choices(one.architecture)[0] != 1  # 7x7


def test_a_picture_of_the_predictions(table: LatencyTable) -> None:
    figure = draw_validation(table.calibrated())
    points = sum(len(np.asarray(one.get_offsets())) for one in figure.axes[0].collections)
    assert points >= 2 * len(table.nets)  # as summed and calibrated


def test_pytorch_measures_places_and_nets_with_outputs_of_any_kind() -> None:
    state = torch.get_rng_state()
    device = TorchDevice(samples=5)
    table = measure_table(device, SPACE, build=build_tiny)
    assert torch.equal(torch.get_rng_state(), state)
    assert table.missing(workloads(SPACE)) == ()
    assert all(entry.measurement.latency_ms > 0 for entry in table.entries)
    lightest_ms = measure_net_ms(device, SPACE.lightest, build=build_tiny)
    assert lightest_ms > 0
