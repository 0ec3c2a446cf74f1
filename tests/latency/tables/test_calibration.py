"""The fit on whole nets, against exact cases and a search over its parameters."""

import numpy as np
import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from pnas_latency import Calibration, LatencyTable, NetEntry, fit_calibration
from pnas_ops import digits_mbconv_space
from tables import DEVICE, measurement, uniform_table

latencies = st.floats(0.1, 100)


def _error(calibration: Calibration, predicted: list[float], measured: list[float]) -> float:
    scale, offset = calibration.scale, calibration.offset_ms
    return sum(((scale * p + offset - m) / m) ** 2 for p, m in zip(predicted, measured, strict=True))


@given(predicted=st.lists(latencies, min_size=1, max_size=8), scale=st.floats(0.5, 2))
def test_finds_a_scale_exactly(predicted: list[float], scale: float) -> None:
    found = fit_calibration(predicted, [scale * p for p in predicted])
    assert found.scale == pytest.approx(scale, rel=1e-6)
    assert found.offset_ms == pytest.approx(0, abs=1e-6 * max(predicted))


@given(scale=st.floats(0.5, 2), offset=st.floats(0.5, 3), start=st.floats(0.5, 2))
def test_finds_an_offset_exactly_on_nets_of_many_sizes(scale: float, offset: float, start: float) -> None:
    predicted = [start * (1 + index) for index in range(6)]
    found = fit_calibration(predicted, [scale * p + offset for p in predicted])
    assert (found.scale, found.offset_ms) == (pytest.approx(scale), pytest.approx(offset))


@given(st.lists(st.tuples(latencies, latencies), min_size=1, max_size=8), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_no_calibration_nearby_has_a_smaller_error(pairs: list[tuple[float, float]], more: float, add: float) -> None:
    predicted, measured = [p for p, _ in pairs], [m for _, m in pairs]
    found = fit_calibration(predicted, measured)
    moved = evolve(
        found,
        scale=found.scale * (1 + more),
        offset_ms=0.0 if found.offset_ms == 0 else found.offset_ms + add,
    )
    assert _error(found, predicted, measured) <= _error(moved, predicted, measured) * (1 + 1e-9) + 1e-9


@given(st.lists(st.tuples(latencies, latencies), min_size=1, max_size=3))
def test_few_nets_have_no_offset(pairs: list[tuple[float, float]]) -> None:
    assert fit_calibration([p for p, _ in pairs], [m for _, m in pairs]).offset_ms == 0


def test_three_nets_of_many_sizes_have_no_offset_and_four_have() -> None:
    sizes = [1.0, 2.0, 4.0, 8.0]
    few, many = (fit_calibration(sizes[:count], [2 * size + 3 for size in sizes[:count]]) for count in (3, 4))
    assert few.offset_ms == 0
    assert (many.scale, many.offset_ms) == (pytest.approx(2), pytest.approx(3))


@pytest.mark.parametrize(("offset", "halved"), [(0.2, False), (0.25, False), (0.3, False), (0.35, True), (0.4, True)])
def test_an_offset_must_halve_the_error_of_nets_left_out(offset: float, halved: bool) -> None:
    """Leave-one-out errors by NumPy's least squares: 0.90, 0.71, 0.57, 0.46 and 0.38 of those of a scale alone."""
    predicted = np.arange(1.0, 6.0)
    measured = 1.1 * predicted + offset + 0.1 * np.array([1, -1, 1, -1, 1])

    def left_out_error(columns: np.ndarray) -> float:
        """Of the fit of 1 by columns that are divided by the measured latencies."""
        error = 0.0
        for index, row in enumerate(columns):
            found, *_ = np.linalg.lstsq(np.delete(columns, index, 0), np.ones(len(columns) - 1), rcond=None)
            error += float(row @ found - 1) ** 2
        return error

    by_scale = left_out_error(np.stack([predicted / measured], 1))
    by_line = left_out_error(np.stack([predicted / measured, 1 / measured], 1))
    assert (by_line <= 0.5 * by_scale) == halved
    assert (fit_calibration(list(predicted), list(measured)).offset_ms != 0) == halved


@given(st.lists(st.tuples(st.floats(1, 1.2), latencies), min_size=1, max_size=9), st.tuples(latencies, latencies))
def test_nets_of_one_size_have_no_offset_even_beside_one_of_another(
    pairs: list[tuple[float, float]], other: tuple[float, float]
) -> None:
    predicted, measured = [p for p, _ in [*pairs, other]], [m for _, m in [*pairs, other]]
    assert fit_calibration(predicted, measured).offset_ms == 0


@pytest.mark.parametrize("predicted", [[1.0, 1.05, 1.1, 2.0, 2.1], [1.0, 1.05, 1.9, 2.0, 2.1]])
def test_nets_of_two_sizes_have_an_offset(predicted: list[float]) -> None:
    found = fit_calibration(predicted, [2 * p + 1 for p in predicted])
    assert (found.scale, found.offset_ms) == pytest.approx((2.0, 1.0))


def test_does_not_take_noise_for_an_offset() -> None:
    # 1% of noise around a scale of 1.1.
    predicted = [1.0, 1.3, 1.7, 2.1, 2.6]
    measured = [1.1 * p * noise for p, noise in zip(predicted, [1.01, 0.99, 1.0, 1.01, 0.99], strict=True)]
    assert fit_calibration(predicted, measured).offset_ms == 0


@given(st.lists(st.tuples(latencies, latencies), min_size=4, max_size=8))
def test_a_slower_prediction_is_never_a_faster_net(pairs: list[tuple[float, float]]) -> None:
    assert fit_calibration([p for p, _ in pairs], [m for _, m in pairs]).scale > 0


def test_refuses_what_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="as many predictions as measurements, got 2 and 1"):
        fit_calibration([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="as many predictions as measurements, got 0 and 0"):
        fit_calibration([], [])
    with pytest.raises(ValueError, match=r"measured latencies must be positive, got 0\.0"):
        fit_calibration([1.0], [0.0])
    with pytest.raises(ValueError, match="predicted latencies must be positive, got nan"):
        fit_calibration([float("nan")], [1.0])
    with pytest.raises(ValueError, match=r"'scale' must be a number above 0 and at most 1e\+09, got"):
        Calibration(scale=0.0, offset_ms=0.0)
    with pytest.raises(ValueError, match=r"'offset_ms' must be a number from .*, got inf"):
        Calibration(scale=1.0, offset_ms=float("inf"))


@given(st.data())
def test_a_table_is_calibrated_by_its_nets_that_are_not_held_out(data: st.DataObject) -> None:
    space = digits_mbconv_space()
    table = uniform_table(space)
    entries = (evolve(entry, measurement=measurement(data.draw(latencies))) for entry in table.entries)
    table = evolve(table, entries=tuple(entries))
    scale, overhead = data.draw(st.floats(0.5, 2)), data.draw(st.floats(0, 1))
    nets = []
    for index in range(5):
        net = space.architecture([index] * 6)
        # The held-out one is far off: it must not matter. Overhead counts as part of a whole net.
        total = table.predict_ms(net) * (scale if index < 4 else 50)
        assume(total > overhead)
        whole = measurement(total - overhead, overhead_ms=overhead)
        nets.append(NetEntry(architecture=net, measurement=whole, held_out=index == 4))
    table = evolve(table, nets=tuple(nets))

    calibrated = table.calibrated()

    for entry in nets[:4]:
        assert calibrated.predict_ms(entry.architecture) == pytest.approx(entry.total_ms, rel=1e-6)
    assert calibrated.calibrated() == calibrated
    assert calibrated.entries == table.entries


def test_a_table_without_nets_to_fit_is_not_calibrated() -> None:
    table = LatencyTable(device=DEVICE, measured_on="2025-01-02", entries=())
    with pytest.raises(ValueError, match="the table holds no net to calibrate it with: measure some"):
        table.calibrated()
