"""The walk, on a clock that the test moves."""

import platform
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import pnas_ops
from pnas_ops import (
    DeviceInfo,
    Measurement,
    TimedCall,
    combine_sessions,
    processor_name,
    summarize_samples,
    summarize_walk,
)

Key = TypeVar("Key", bound=Hashable)
row_lists = st.lists(st.lists(st.integers(0, 9), max_size=4, unique=True), min_size=1, max_size=5)


def time_walks(rows: Sequence[Mapping[Key, TimedCall]], **options: Any) -> dict[Key, Measurement]:
    """What the samples of a walk amount to."""
    return summarize_walk(pnas_ops.time_walks(rows, **options))


def calling(rows: Iterable[Iterable[Key]], run: Callable[[Key], object]) -> list[dict[Key, TimedCall]]:
    """Rows for `time_walks` in which every key is computed by `run`."""
    return [{key: TimedCall(partial(run, key)) for key in row} for row in rows]


class Clock:
    """Stands still but for what is run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0
        self.calls: list[object] = []
        monkeypatch.setattr(time, "perf_counter_ns", lambda: self.now)

    def spend(self, name: object, nanoseconds: int) -> None:
        self.calls.append(name)
        self.now += nanoseconds


@given(samples_ms=st.lists(st.floats(0, 1e3), min_size=2, max_size=50), overhead_ms=st.floats(0, 10))
def test_summary_agrees_with_numpy(samples_ms: list[float], overhead_ms: float) -> None:
    p10, p25, p50, p75 = np.percentile(samples_ms, [10, 25, 50, 75])
    measurement = summarize_samples(samples_ms, overhead_ms=overhead_ms)
    assert measurement.latency_ms == pytest.approx(max(0.0, p10 - overhead_ms), abs=1e-9)
    assert (measurement.p25_ms, measurement.median_ms, measurement.p75_ms) == pytest.approx((p25, p50, p75))
    assert (measurement.overhead_ms, measurement.count) == (overhead_ms, len(samples_ms))


def test_other_work_shows_in_the_quartiles() -> None:
    calm, alone = summarize_samples([1.0] * 60 + [2.0] * 40), summarize_samples([1.0] * 80 + [9.0] * 20)
    assert not calm.disturbed
    assert not alone.disturbed
    assert summarize_samples([1.0] * 60 + [2.1] * 40).disturbed


@given(rows=row_lists, samples=st.integers(2, 5), seed=st.integers(0, 3))
def test_walks_through_random_nets_in_their_order(rows: list[list[int]], samples: int, seed: int) -> None:
    calls: list[int] = []
    done: list[tuple[str, int, int]] = []
    measured = time_walks(
        calling(rows, calls.append), samples=samples, seed=seed, progress=lambda *step: done.append(step)
    )

    keys = list(dict.fromkeys(key for row in rows for key in row))
    assert list(measured) == keys
    places = [key for row in rows for key in row]
    warm_up, timed = calls[: 2 * len(places)], calls[2 * len(places) :]
    assert warm_up == [key for key in places for _ in range(2)]

    filled = [row for row in rows if row]
    rounds = samples * max(map(len, rows))
    assert done == [("measuring", step, rounds) for step in range(1, rounds + 1)]
    assert len(timed) == rounds * len(filled)
    nets = [timed[start : start + len(filled)] for start in range(0, len(timed), len(filled) or 1)]
    assert all(key in row for net in nets for key, row in zip(net, filled, strict=True))
    assert all(measured[key].count == timed.count(key) >= samples for key in keys)


def test_the_order_depends_on_the_seed_alone() -> None:
    def order(seed: int) -> list[int]:
        calls: list[int] = []
        time_walks(calling([range(9)], calls.append), samples=2, seed=seed)
        return calls

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_latency_is_the_tenth_percentile_less_that_of_the_idle_call(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    durations = {"a": iter(range(10**6, 10**8, 10**5)), "b": iter(range(3 * 10**6, 10**8, 10**5))}
    idles = iter(range(10**5, 10**7, 10**4))

    measured = time_walks(
        calling([["a", "b"]], lambda key: clock.spend(key, next(durations[key]))),
        idle=[TimedCall(lambda: clock.spend("idle", next(idles)))],
        samples=20,
        max_repeats=0,
    )

    overhead_ms = np.percentile(0.1 + 0.01 * np.arange(40), 10)
    for key, first in (("a", 1.0), ("b", 3.0)):
        samples_ms = first + 0.1 * np.arange(2, 22)  # two went to the warm-up
        assert measured[key].overhead_ms == pytest.approx(overhead_ms)
        assert measured[key].latency_ms == pytest.approx(np.percentile(samples_ms, 10) - overhead_ms)
        assert measured[key].median_ms == pytest.approx(np.median(samples_ms))
    assert clock.calls.count("idle") == 40
    assert "idle" not in clock.calls[:4]


@given(rows=row_lists, wholes=st.integers(1, 5), whole_samples=st.integers(2, 9))
def test_whole_nets_are_timed_between_the_walks(rows: list[list[int | str]], wholes: int, whole_samples: int) -> None:
    nets: list[int | str] = [f"net {index}" for index in range(wholes)]
    calls: list[int | str] = []
    (whole_calls,) = calling([nets], calls.append)
    measured = time_walks(calling(rows, calls.append), wholes=whole_calls, samples=3, whole_samples=whole_samples)

    assert all(measured[net].count == calls.count(net) - 2 >= whole_samples for net in nets)
    timed = calls[2 * (sum(map(len, rows)) + len(nets)) :]
    filled = [row for row in rows if row]
    # After each walk come as many nets, and between two nets of the same number of walks no block.
    step = len(timed) // (3 * max(map(len, rows)) or whole_samples)
    for start in range(0, len(timed), step):
        kinds = [isinstance(key, str) for key in timed[start : start + step]]
        assert kinds == [False] * len(filled) + [True] * (step - len(filled))
    assert max(map(timed.count, nets)) - min(map(timed.count, nets)) <= 1


@pytest.mark.parametrize(
    ("noisy_rounds", "expected_rounds", "noisy"), [(0, 20, False), (20, 30, False), (10**9, 45, True)]
)
def test_what_drifts_is_measured_again_and_marked_when_it_still_does(
    noisy_rounds: int, expected_rounds: int, noisy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    calls = {"steady": 0, "drifting": 0}

    def run(key: str) -> None:
        calls[key] += 1
        number = calls[key] - 3  # two warm it up
        # Ever slower, or, from some round on, as in the first ten.
        slower = key == "drifting" and 10 <= number < noisy_rounds
        clock.spend(key, 1_000_000 + (50_000 * number if slower else 0))

    told: list[tuple[int, int]] = []
    measured = time_walks(
        calling([["steady"], ["drifting"]], run), samples=20, progress=lambda _, *steps: told.append(steps)
    )
    assert [done for done, total in told if done == total] == [expected_rounds]
    assert {one.count for one in measured.values()} == {expected_rounds}
    assert not measured["steady"].noisy
    assert measured["steady"].drift == 0.0
    assert measured["drifting"].noisy == noisy


def test_what_prepares_a_call_runs_before_it_and_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    call = TimedCall(lambda: clock.spend("run", 1_000_000), lambda: clock.spend("prepare", 7_000_000))
    measured = time_walks([{"a": call}], samples=3)
    assert measured["a"].latency_ms == 1.0
    assert clock.calls == ["run", "run", *["prepare", "run"] * 3]


def test_idle_calls_take_turns() -> None:
    calls: list[str] = []
    idle = [TimedCall(partial(calls.append, name)) for name in ("first", "second", "third")]
    time_walks(calling([["a", "b"]], lambda key: None), idle=idle, samples=3)
    assert calls == ["first", "second", "third"] * 2


@given(
    latencies=st.lists(st.floats(0.1, 1e3), min_size=1, max_size=7),
    overhead_ms=st.floats(0, 10),
)
def test_sessions_are_combined_by_their_medians(latencies: list[float], overhead_ms: float) -> None:
    sessions = [
        Measurement(latency_ms=ms, overhead_ms=overhead_ms, p25_ms=2 * ms, median_ms=3 * ms, p75_ms=4 * ms, count=5)
        for ms in latencies
    ]
    found = combine_sessions(sessions)
    middle = np.median(latencies)
    assert (found.latency_ms, found.overhead_ms, found.count) == (middle, overhead_ms, 5 * len(sessions))
    assert (found.p25_ms, found.median_ms, found.p75_ms) == pytest.approx((2 * middle, 3 * middle, 4 * middle))
    totals = np.array(latencies) + overhead_ms
    apart = [abs(a - b) / max(a, b) for index, a in enumerate(totals) for b in totals[:index]]
    assert found.drift == pytest.approx(np.mean(apart) if apart else 0.0)
    assert found.noisy == (found.drift > 0.05)


def test_drift_is_the_difference_of_the_two_halves() -> None:
    first, second = [2.0, 3.0, 4.0, 5.0], [4.0, 5.0, 6.0, 7.0]
    expected = 1 - np.percentile(first, 10) / np.percentile(second, 10)
    assert summarize_samples(first + second).drift == pytest.approx(expected)
    assert summarize_samples(second + first).drift == pytest.approx(expected)
    assert summarize_samples([0.0, 0.0]).drift == 0.0


def test_differences_below_the_clock_are_no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    durations = iter(range(1000, 10**6, 10))
    measured = time_walks(calling([["tiny"]], lambda key: clock.spend(key, next(durations))), samples=20)
    assert measured["tiny"].drift > 0.05
    assert (measured["tiny"].count, measured["tiny"].noisy) == (20, False)


@pytest.mark.parametrize(("later_ns", "noisy"), [(10_900, False), (11_300, True)])
def test_a_microsecond_is_where_noise_begins(later_ns: int, noisy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # Drifts of 8.3 and 11.5 % of 10 us: 0.8 and 1.2 us.
    clock = Clock(monkeypatch)
    durations = iter([10_000] * (2 + 10) + [later_ns] * 10)
    measured = time_walks(calling([["tiny"]], lambda key: clock.spend(key, next(durations))), samples=20, max_repeats=0)
    assert measured["tiny"].drift > 0.05
    assert measured["tiny"].noisy == noisy


@pytest.mark.parametrize(("first_ms", "second_ms", "noisy"), [(0.0088, 0.0099, False), (0.0099, 0.0111, True)])
def test_sessions_that_differ_below_the_clock_agree(first_ms: float, second_ms: float, noisy: bool) -> None:
    # The drift of the shorter: 0.98 and 1.07 us.
    sessions = [summarize_samples([one_ms] * 2) for one_ms in (first_ms, second_ms)]
    assert combine_sessions(sessions).drift > 0.05
    assert combine_sessions(sessions).noisy == noisy


def test_sessions_in_which_nothing_takes_time_agree() -> None:
    found = combine_sessions([summarize_samples([0.0] * 2)] * 3)
    assert (found.latency_ms, found.drift, found.noisy) == (0.0, 0.0, False)


def test_the_processor_is_what_the_system_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: True)
    monkeypatch.setattr(Path, "read_text", lambda path: "model\t: 85\nmodel name\t: Fast One @ 2 GHz \nflags\t: fpu\n")
    assert processor_name() == "Fast One @ 2 GHz"
    monkeypatch.setattr(Path, "read_text", lambda path: "CPU part\t: 0xd0c\n")
    assert processor_name() == (platform.processor() or platform.machine())
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert processor_name() == (platform.processor() or platform.machine())


def test_without_an_idle_call_nothing_is_deducted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    measured = time_walks(calling([["a"]], lambda key: clock.spend(key, 2_000_000)), samples=3)
    expected = Measurement(latency_ms=2.0, overhead_ms=0.0, p25_ms=2.0, median_ms=2.0, p75_ms=2.0, count=3)
    assert measured == {"a": expected}


def test_a_latency_below_the_overhead_is_zero() -> None:
    assert summarize_samples([1.0, 1.0], overhead_ms=2.0).latency_ms == 0.0


def test_nothing_to_measure_is_an_empty_result() -> None:
    assert time_walks([]) == {}
    assert time_walks([{}]) == {}


def test_a_device_is_described_in_a_line() -> None:
    info = DeviceInfo(device="Pixel 1", runtime="litert", runtime_version="2.3", threads=1, dtype="int8")
    assert (str(info), info.images) == ("litert 2.3, int8, 1 thread, Pixel 1", "one image")
    eight = evolve(info, batch=8)
    assert (str(eight), eight.images) == ("litert 2.3, int8, 1 thread, batches of 8 images, Pixel 1", "8 images")
    with pytest.raises(ValueError, match="'batch' must be a whole number from 1 to 65,536, got 0"):
        evolve(info, batch=0)


def test_refuses_a_negative_latency() -> None:
    with pytest.raises(ValueError, match="'latency_ms' must be a number from 0 to"):
        Measurement(latency_ms=-1.0, p25_ms=1, median_ms=1, p75_ms=1, count=1)


def test_a_machine_that_becomes_slower_for_all_is_not_noisy(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    rounds = 0

    def run(name: str, nanoseconds: int) -> None:
        # From the middle of the walk on all takes twice as long.
        clock.spend(name, nanoseconds * (2 if rounds > 20 else 1))

    def probe() -> None:
        nonlocal rounds
        rounds += 1
        run("probe", 200_000)

    def measured(probe: TimedCall | None) -> Measurement:
        nonlocal rounds
        rounds = 0
        net = TimedCall(lambda: run("net", 1_000_000))
        return time_walks([{"net": net}], probe=probe, samples=40, whole_samples=40)["net"]

    known = measured(TimedCall(probe))
    assert (known.noisy, known.drift, known.count) == (False, 0.0, 40)
    assert (known.latency_ms, known.probe_ms) == (1.0, 0.2)
    assert clock.calls.count("probe") == 42

    # Without a probe nothing tells that it was the machine.
    counted = iter(range(1000))

    def slowing() -> None:
        nonlocal rounds
        rounds = next(counted)
        run("net", 1_000_000)

    unknown = time_walks([{"net": TimedCall(slowing)}], samples=40, max_repeats=0)["net"]
    assert (unknown.noisy, unknown.probe_ms) == (True, None)


def test_a_net_that_becomes_slower_alone_is_noisy_whatever_the_probe_says(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    counted = iter(range(1000))
    found = time_walks(
        [{"net": TimedCall(lambda: clock.spend("net", 10**6 * (2 if next(counted) > 20 else 1)))}],
        probe=TimedCall(lambda: clock.spend("probe", 10**5)),
        samples=40,
        max_repeats=0,
    )
    assert found["net"].noisy
    assert found["net"].drift == pytest.approx(0.5)


@pytest.mark.parametrize("rows", [[], [["block-1"], ["block-2", "block-3"]]], ids=["alone", "beside blocks"])
def test_the_probe_is_timed_as_often_as_a_net_whatever_is_timed_beside(
    rows: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or caches would hold more of the one than of the other, and other speeds be told beside blocks than alone."""
    clock = Clock(monkeypatch)

    def run(name: str) -> None:
        clock.spend(name, 10**6)

    nets = ["net-1", "net-2", "net-3"]
    (wholes,) = calling([nets], run)
    probe = TimedCall(partial(run, "probe"))
    pnas_ops.time_walks(calling(rows, run), wholes=wholes, probe=probe, samples=50, whole_samples=20)
    turns = [name for name in clock.calls if name in (*nets, "probe")][8:]
    assert len(turns) >= 80
    # Dealt anew when all have had their turn.
    assert all(sorted(turns[start : start + 4]) == [*nets, "probe"] for start in range(0, len(turns) - 3, 4))


@pytest.mark.parametrize("rows", [[], [["block"]]], ids=["alone", "beside blocks"])
def test_nets_in_a_row_change_as_seldom(rows: list[list[str]]) -> None:
    calls: list[str] = []
    (wholes,) = calling([["net-1", "net-2"]], calls.append)
    measured = time_walks(calling(rows, calls.append), wholes=wholes, samples=12, whole_samples=12, in_a_row=4)
    assert all(measured[net].count == calls.count(net) - 2 >= 12 for net in ("net-1", "net-2"))
    turns = [name for name in calls[2 * (len(rows) + 2) :] if name != "block"]
    assert all(len(set(turns[start : start + 4])) == 1 for start in range(0, len(turns), 4))
    walks = [len([*run]) for block, run in groupby(calls[2 * (len(rows) + 2) :], "block".__eq__) if block]
    assert walks == ([1, 4, 4, 3] if rows else [])


@pytest.mark.parametrize("whole_samples", [2, 25])
def test_many_nets_in_a_row_beside_few_blocks_get_their_samples(whole_samples: int) -> None:
    wholes, row = calling([[f"net-{number}" for number in range(20)], ["block"]], lambda _: None)
    measured = time_walks([row], wholes=wholes, samples=14, whole_samples=whole_samples, in_a_row=10, max_repeats=0)
    assert all(measured[net].count >= whole_samples for net in wholes)


@given(
    latency_ms=st.floats(0.01, 100),
    overhead_ms=st.floats(0, 1),
    slower=st.lists(st.floats(0.5, 2), min_size=1, max_size=7),
)
def test_sessions_at_several_speeds_agree(latency_ms: float, overhead_ms: float, slower: list[float]) -> None:
    once = Measurement(
        latency_ms=latency_ms,
        overhead_ms=overhead_ms,
        p25_ms=latency_ms,
        median_ms=latency_ms,
        p75_ms=latency_ms,
        count=2,
        probe_ms=0.2,
    )
    found = combine_sessions([once.at(0.2 * times) for times in slower])
    assert found.drift == pytest.approx(0, abs=1e-9)
    assert found.probe_ms == pytest.approx(0.2 * float(np.median(slower)))
    assert found.at(0.2).total_ms == pytest.approx(once.total_ms)


def test_the_speed_is_unknown_where_a_session_does_not_know_it() -> None:
    known = summarize_samples([1.0, 1.0])
    both = [evolve(known, probe_ms=0.2), known]
    assert combine_sessions(both).probe_ms is None
    assert known.at(0.1) == known
    assert both[0].at(None) == both[0]
