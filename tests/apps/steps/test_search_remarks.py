"""What a search says of itself, and what a report says of its effort."""

from math import log

import pytest
from attrs import evolve

from pnas_apps.run.results import NetResult, RunResults
from pnas_apps.run.search_start import SearchStart
from pnas_apps.steps.search_remarks import search_remarks
from pnas_supernet import EpochRecord
from tables import measurement

NET = NetResult(
    name="net", epochs=1, test_accuracy=0.5, parameters=1, macs=1, predicted_ms=1.0, measured=measurement(1.0)
)


def record(entropy: float) -> EpochRecord:
    return EpochRecord(
        epoch=0,
        phase="search",
        train_loss=1.0,
        train_accuracy=0.5,
        validation_loss=1.0,
        validation_accuracy=0.5,
        entropy=entropy,
        probs=(),
    )


def entropy_of(best: float, candidates: int = 7) -> float:
    """Relative, where one candidate has a probability and the others are alike."""
    rest = (1 - best) / (candidates - 1)
    return -(best * log(best) + (1 - best) * log(rest)) / log(candidates)


@pytest.mark.parametrize(("best", "is_told"), [(1 / 7, True), (0.30, True), (0.34, False), (0.9, False)])
def test_gates_that_stayed_undecided_are_told_with_what_to_change(best: float, is_told: bool) -> None:
    history = [record(1.0), record(entropy_of(best))]
    remarks = search_remarks(history, [9.0, 1.0], 1.0, by_gates=True)
    assert bool(remarks) == is_told
    assert search_remarks(history, [9.0, 1.0], 1.0, by_gates=False) == ()
    if is_told:
        assert remarks[0].startswith(f"The gates stayed undecided (mean entropy {entropy_of(best):.2f} of the maximum)")
        assert all(flag in remarks[0] for flag in ("--search-epochs", "--search-alpha-lr", "--search-arch-interval"))


@pytest.mark.parametrize(
    ("expected_ms", "said"),
    [
        (1.2, "20% above the requested latency: its expected latency is 1.2000 ms, so it learned about slower nets"),
        (0.8, "20% below the requested latency: its expected latency is 0.8000 ms, so it learned about faster nets"),
    ],
)
def test_an_expectation_far_from_the_target_is_told(expected_ms: float, said: str) -> None:
    (remark,) = search_remarks([record(0.1)], [1.0, expected_ms], 1.0, by_gates=True)
    assert said in remark
    assert "--objective-multiplier-rate" in remark
    assert search_remarks([record(0.1)], [expected_ms, 1.05], 1.0, by_gates=True) == ()
    assert search_remarks([record(0.1)], [expected_ms], None, by_gates=True) == ()


def test_a_search_that_began_with_another_does_not_pass_for_all_that_was_learnt() -> None:
    start = SearchStart(run="/somewhere/first", sha256="0")
    assert search_remarks([record(0.1)], [1.0], 1.0, by_gates=True, start=start) == (
        "The search started from the supernet of first: its training time is not included in the search time here",
    )


def test_the_effort_of_a_search_is_told_in_trainings_of_the_net_that_ships() -> None:
    results = RunResults(nets=(NET,), seconds={"search": 90.0, "train": 60.0})
    assert results.effort == (
        "Searching took as long as 1.5 trainings of the net that ships (as measured, with the landing: 90 s and 60 s)"
    )
    assert evolve(results, seconds={"search": 4.0, "train": 60.0, "sweep": 386.0}).effort == (
        "Searching, for all nets of the sweep at once, took as long as 6.5 trainings of the net that ships "
        "(as measured, with the landing: 390 s and 60 s)"
    )
    assert evolve(results, seconds={"search": 90.0}).effort is None
