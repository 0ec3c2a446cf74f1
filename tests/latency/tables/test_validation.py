"""The judgement of predictions, against definitions written out."""

from itertools import combinations
from math import sqrt

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pnas_latency import NetEntry, Validation, compare_predictions
from pnas_ops import digits_mbconv_space, from_json, to_json
from tables import measurement, uniform_table

latencies = st.floats(0.1, 100)
# Few values, so that there are ties.
coarse = st.sampled_from([1.0, 2.0, 3.0, 4.0])


def _ranks(values: list[float]) -> list[float]:
    """1 + the number of smaller values + half the number of equal others."""
    return [1 + sum(v < x for v in values) + (sum(v == x for v in values) - 1) / 2 for x in values]


def _pearson(xs: list[float], ys: list[float]) -> float:
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return covariance / sqrt(sum((x - mean_x) ** 2 for x in xs) * sum((y - mean_y) ** 2 for y in ys))


@given(st.lists(st.tuples(latencies | coarse, latencies | coarse), min_size=1, max_size=12))
def test_every_figure_is_its_definition(pairs: list[tuple[float, float]]) -> None:
    predicted, measured = [p for p, _ in pairs], [m for _, m in pairs]

    found = compare_predictions(predicted, measured, noise_floor=0.01)

    errors = [(p - m) / m for p, m in pairs]
    assert found.nets == len(pairs)
    assert found.mape == pytest.approx(sum(abs(e) for e in errors) / len(errors))
    assert found.bias == pytest.approx(sum(errors) / len(errors), abs=1e-12)
    assert found.worst == max(abs(e) for e in errors)
    assert found.rmse_ms == pytest.approx(sqrt(sum((p - m) ** 2 for p, m in pairs) / len(pairs)))
    assert found.within_5_percent == len([e for e in errors if abs(e) <= 0.05]) / len(errors)
    assert found.within_10_percent == len([e for e in errors if abs(e) <= 0.1]) / len(errors)
    assert found.noise_floor == 0.01
    if len(set(predicted)) > 1 and len(set(measured)) > 1:
        assert found.spearman == pytest.approx(_pearson(_ranks(predicted), _ranks(measured)), abs=1e-9)
    else:
        assert found.spearman is None
    assert from_json(to_json(found), Validation) == found


def test_an_error_of_exactly_five_or_ten_percent_is_within_it() -> None:
    found = compare_predictions([21.0, 11.0, 8.9, 112.0], [20.0, 10.0, 10.0, 100.0], noise_floor=None)
    assert (found.within_5_percent, found.within_10_percent) == (0.25, 0.5)


@given(st.lists(latencies, min_size=2, max_size=8, unique=True), st.permutations(range(8)))
def test_spearman_without_ties_is_one_less_the_squared_differences(values: list[float], order: list[int]) -> None:
    count = len(values)
    shuffled = [values[index] for index in order if index < count]
    squared = sum((a - b) ** 2 for a, b in zip(_ranks(values), _ranks(shuffled), strict=True))
    expected = 1 - 6 * squared / (count * (count * count - 1))
    assert compare_predictions(values, shuffled, noise_floor=None).spearman == pytest.approx(expected, abs=1e-9)


@given(st.lists(latencies, min_size=2, max_size=6, unique=True), st.floats(0.5, 2))
def test_a_scaled_prediction_has_one_error_and_ranks_all(measured: list[float], scale: float) -> None:
    found = compare_predictions([scale * m for m in measured], measured, noise_floor=None)
    assert found.bias == pytest.approx(scale - 1, abs=1e-12)
    assert found.mape == pytest.approx(abs(scale - 1), abs=1e-12)
    if all(scale * a != scale * b for a, b in combinations(measured, 2)):
        assert found.spearman == pytest.approx(1)


def test_says_all_of_it_in_a_line() -> None:
    found = compare_predictions([1.04, 1.8, 3.0], [1.0, 2.0, 3.0], noise_floor=0.004)
    assert str(found) == (
        "3 nets: MAPE 4.67%, bias -2.00%, worst 10.00%, RMSE 0.118 ms, 67% within 5%, 100% within 10%, "
        "Spearman 1.000, noise floor 0.40%"
    )
    assert str(compare_predictions([1.0], [1.0], noise_floor=None)).endswith("Spearman none, noise floor not measured")


def test_refuses_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="as many predictions as measurements, got 0 and 0"):
        compare_predictions([], [], noise_floor=None)
    with pytest.raises(ValueError, match=r"measured latencies must be positive, got -1\.0"):
        compare_predictions([1.0], [-1.0], noise_floor=None)


def test_a_table_is_judged_by_the_nets_held_out_and_by_their_band() -> None:
    space = digits_mbconv_space()
    table = evolve(uniform_table(space), noise_floor=0.02)
    # Nine blocks of 1 ms each: stem of two, six searched, head.
    roles = [(1.0, False, False), (9.0, True, False), (10.0, True, True), (8.0, True, True)]
    nets = tuple(
        NetEntry(
            architecture=space.architecture([index] * 6),
            measurement=measurement(latency_ms),
            held_out=held_out,
            band=band,
        )
        for index, (latency_ms, held_out, band) in enumerate(roles)
    )
    table = evolve(table, nets=nets)

    assert table.validate() == compare_predictions([9.0] * 3, [9.0, 10.0, 8.0], noise_floor=0.02)
    assert table.validate(band=True) == compare_predictions([9.0] * 2, [10.0, 8.0], noise_floor=0.02)
    # The only net to fit says that all are nine times as fast.
    assert table.calibrated().validate().mape == pytest.approx((8 / 9 + 9 / 10 + 7 / 8) / 3)
    with pytest.raises(ValueError, match="the table holds no net of the band that is held out: measure some"):
        evolve(table, nets=nets[:2]).validate(band=True)
    with pytest.raises(ValueError, match="the table holds no net that is held out: measure some"):
        evolve(table, nets=nets[:1]).validate()
