"""Whether a search paid: how often the interval covers the truth, and what is said of it."""

import io
import re
from collections.abc import Sequence
from statistics import fmean, stdev

import numpy as np
import pytest
from attrs import evolve
from rich.console import Console
from scipy.stats import t, ttest_ind, ttest_rel

from pnas_apps.run.compare_config import CompareConfig
from pnas_apps.run.difference import Difference, difference, paired_difference
from pnas_apps.run.verdict import ComparedNet, Kind, Verdict
from pnas_apps.showing.verdict_table import VerdictTable

TRUTH = 0.7
TRIES = 1000


def coverage(nets: int, seeds: int, *, among_nets: float, common: float = 2.0) -> float:
    """How often the interval holds the true difference, where a training's noise has a standard deviation of 1."""
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(TRIES):
        of_seeds = random.normal(0, common, seeds)
        one = TRUTH + of_seeds + random.normal(0, 1, seeds)
        others = random.normal(0, among_nets, (nets, 1)) + of_seeds + random.normal(0, 1, (nets, seeds))
        found = difference(one.tolist(), others.tolist())
        assert found is not None
        hits += found.low <= TRUTH <= found.high
    return hits / TRIES


@pytest.mark.parametrize(
    ("nets", "seeds", "among_nets", "most"),
    # Where nets differ much, the interval is that of their mean alone, and exact.
    [(5, 2, 1.0, 0.99), (5, 2, 30.0, 0.97), (2, 2, 30.0, 0.97), (8, 5, 0.0, 0.985), (5, 1, 0.0, 0.97)],
)
def test_an_interval_of_95_percent_covers_the_truth_in_95_percent_of_all_cases(
    nets: int, seeds: int, among_nets: float, most: float
) -> None:
    # 0.93: three standard errors of 1000 tries.
    assert 0.93 <= coverage(nets, seeds, among_nets=among_nets) <= most


def test_seeds_of_one_net_are_no_more_nets() -> None:
    """The t-test that takes nets times seeds for independent samples is wrong far more often than 5 times in 100."""
    random = np.random.default_rng(1)
    naive = ours = 0
    for _ in range(TRIES // 2):
        one, others = random.normal(0, 1, 12), random.normal(0, 3, (3, 1)) + random.normal(0, 1, (3, 12))
        naive += bool(ttest_ind(one, others.ravel()).pvalue < 0.05)
        found = difference(one.tolist(), others.tolist())
        ours += found is not None and found.is_shown
    assert ours / (TRIES // 2) < 0.08 < 2 * 0.08 < naive / (TRIES // 2)


def test_with_one_seed_it_is_the_interval_of_a_further_net() -> None:
    random = [0.50, 0.53, 0.58, 0.51]
    found = difference([0.6], [[one] for one in random])
    assert found is not None
    error = stdev(random) * (1 + 1 / 4) ** 0.5
    assert found.mean == pytest.approx(0.6 - fmean(random))
    assert found.standard_error == pytest.approx(error)
    assert found.high - found.mean == pytest.approx(t.ppf(0.975, 3) * error)
    assert found.mean - found.low == pytest.approx(t.ppf(0.975, 3) * error)


def test_what_a_seed_adds_to_all_nets_changes_nothing() -> None:
    one, random = [0.6, 0.7], [[0.5, 0.55], [0.4, 0.62], [0.45, 0.5]]
    shifted = difference([0.6, 0.9], [[0.5, 0.75], [0.4, 0.82], [0.45, 0.7]])
    found = difference(one, random)
    assert found is not None
    assert shifted is not None
    assert (shifted.mean, shifted.low, shifted.high) == pytest.approx((found.mean, found.low, found.high))


@pytest.mark.parametrize(
    ("one", "random"),
    [([0.6], [[0.5]]), ([0.6, 0.7], [[0.5, 0.5]]), ([0.9], []), ([0.3] * 3, [[0.1] * 3, [0.1] * 3])],
    ids=["one net and one seed", "one net", "no net", "no chance"],
)
def test_without_a_measure_of_chance_there_is_no_verdict(one: list[float], random: list[list[float]]) -> None:
    assert difference(one, random) is None


def test_of_pairs_the_interval_is_that_of_the_paired_t_test() -> None:
    one, other = [0.6, 0.62, 0.7, 0.66], [0.58, 0.61, 0.66, 0.67]
    found = paired_difference(list(zip(one, other, strict=True)))
    interval = ttest_rel(one, other).confidence_interval(0.95)
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((0.015, interval.low, interval.high))
    assert found.standard_error == pytest.approx(found.mean / ttest_rel(one, other).statistic)
    assert paired_difference([(0.6, 0.5)]) is paired_difference([(0.6, 0.5)] * 3) is None


@pytest.mark.parametrize(("low", "high", "is_shown"), [(-1, 0, False), (0, 1, False), (-2, -1, True), (1, 2, True)])
def test_an_interval_that_ends_at_0_does_not_exclude_it(low: float, high: float, is_shown: bool) -> None:
    assert Difference(mean=(low + high) / 2, standard_error=0.5, low=low, high=high).is_shown == is_shown


def compared(kind: Kind, accuracies: Sequence[float], predicted_ms: float = 1.0) -> ComparedNet:
    return ComparedNet(
        name=kind,
        kind=kind,
        parameters=1000,
        macs=10**6,
        predicted_ms=predicted_ms,
        measured_ms=None,
        accuracies=tuple(accuracies),
    )


def verdict(searched: Sequence[float], *random: Sequence[float], off: float = 0.02) -> Verdict:
    nets = (compared("searched", searched), *(compared("random", one, 1 + off) for one in random))
    return Verdict(epochs=3, seeds=len(searched), test_images=100, nets=nets)


RANDOM = ([0.50, 0.52], [0.51, 0.50], [0.52, 0.53])


@pytest.mark.parametrize(
    ("searched", "said", "shown", "ends"),
    [
        ([0.70, 0.71], "better than random nets of the same latency by", "19.2 ± 0.9 points", "15.9 to 22.4"),
        ([0.30, 0.31], "worse than random nets of the same latency by", "20.8 ± 0.9 points", "17.6 to 24.1"),
        (
            [0.52, 0.53],
            "not shown to be better than random nets of the same latency:",
            "1.2 ± 0.9 points",
            "-2.1 to 4.4",
        ),
    ],
)
def test_the_sentence_claims_what_the_interval_shows(searched: list[float], said: str, shown: str, ends: str) -> None:
    found = verdict(searched, *RANDOM)
    assert found.sentence == f"The searched net is {said} {shown} (3 nets, 2 seeds; 95%: {ends})"
    assert found.difference is not None
    assert found.difference.is_shown == ("not shown" not in said)


@pytest.mark.parametrize(
    ("low", "shown"),
    # In points. A rounding error of floats is no side of 0.
    [(-0.04, "-0.04 to "), (0.04, "0.04 to "), (-0.0003, "-0.0003 to "), (0.3, "0.3 to "), (-1e-12, "0.0 to ")],
)
def test_on_which_side_of_0_an_end_of_the_interval_is_can_be_read(low: float, shown: str) -> None:
    before = verdict([0.7, 0.71], *RANDOM).difference
    assert before is not None
    moved = low / 100 - before.low
    found = verdict([0.7 + moved, 0.71 + moved], *RANDOM)
    assert f"95%: {shown}" in found.sentence
    assert ("not shown" in found.sentence) == (low < 0)


def test_one_net_and_one_seed_give_no_verdict() -> None:
    assert verdict([0.9], [0.1]).sentence == "No verdict: 1 net, 1 seed do not tell chance from choice"


def test_random_nets_of_another_latency_are_not_called_of_the_same() -> None:
    assert "random nets of a latency within 8.0% of its own by" in verdict([0.7, 0.71], *RANDOM, off=0.08).sentence


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"nets": -1}, "'nets' must be a whole number from 0 to 1,000,000, got -1"),
        ({"nets": 3}, "'epochs' must be at least 1 to compare with 3 nets, got 0"),
        ({"nets": 3, "epochs": 1, "seeds": 0}, "'seeds' must be a whole number from 1 to 1000, got 0"),
    ],
)
def test_what_cannot_be_compared_is_named(given: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("1000,", "1,000,")):
        CompareConfig(**given)


def printed(found: Verdict, width: int = 80) -> str:
    text = io.StringIO()
    Console(file=text, width=width).print(VerdictTable(found))
    return text.getvalue()


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (40, ["net", "accuracy", "ms"]),
        (60, ["net", "accuracy", "ms", "ms", "by"]),
        (80, ["net", "accuracy", "params", "MACs", "ms", "ms", "by"]),
        (100, ["net", "accuracy", "params", "MACs", "ms", "ms", "by"]),
    ],
)
def test_a_narrow_terminal_has_fewer_columns_of_the_table_but_breaks_no_number(width: int, headings: list[str]) -> None:
    nets = [compared("random", one) for one in RANDOM]
    searched = evolve(compared("searched", [0.7, 0.71]), measured_ms=0.0352, parameters=12_345_678, noisy=True)
    told = printed(Verdict(epochs=3, seeds=2, test_images=100, nets=(searched, *nets)), width)
    assert headings in [line.split() for line in told.splitlines()]
    (row,) = [line for line in told.splitlines() if line.startswith(" searched ")]
    assert "70.50 ± 0.71%" in row
    assert " 0.0352 " in row
    assert "\N{HORIZONTAL ELLIPSIS}" not in told
    assert "Latencies are at the table's speed" in " ".join(told.split())


def test_no_prediction_stands_beside_a_measurement_without_a_word() -> None:
    searched = evolve(compared("searched", [0.7, 0.71], predicted_ms=0.0303), measured_ms=0.0352)
    nets = (searched, *(compared("random", one) for one in RANDOM))
    sure = Verdict(epochs=3, seeds=2, test_images=100, nets=nets)
    assert searched.off_by == pytest.approx(0.0303 / 0.0352 - 1)
    assert re.search(r"0\.0352 +-13\.9%", printed(sure))
    noisy = evolve(searched, noisy=True)
    assert noisy.off_by is None
    assert re.search(r"0\.0352 +too noisy", printed(evolve(sure, nets=(noisy, *nets[1:]))))
