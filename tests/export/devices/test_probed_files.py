"""Files that are timed one by one, on a device that changes its speed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pnas_export.devices.probed_files import ProbedFiles
from pnas_ops import Measurement

PROBE = Path("probe")
TIMES_MS = {"probe": 0.2, "first": 1.0, "second": 3.0, "third": 0.5}
FILES = ("first", "second", "third")


def probed(speed: Callable[[int], float]) -> tuple[ProbedFiles, list[str]]:
    """A device that is so many times slower at each of its calls, and the names of what it was called with."""
    calls: list[str] = []

    def time_file(path: Path, what: str) -> Measurement:
        latency_ms = TIMES_MS[path.name] * speed(len(calls))
        calls.append(path.name)
        return Measurement(latency_ms=latency_ms, p25_ms=latency_ms, median_ms=0, p75_ms=0, count=1)

    return ProbedFiles(time_file=time_file, probe=PROBE), calls


@pytest.mark.parametrize("change", range(12))
def test_whenever_the_speed_changes_every_file_is_told_at_one(change: int) -> None:
    one, _ = probed(lambda call: 1.3 if call >= change else 1.0)
    for name in FILES:
        found = one.time(Path(name), name)
        assert found.at(TIMES_MS["probe"]).latency_ms == pytest.approx(TIMES_MS[name])
        assert not found.noisy


def test_what_stands_between_two_probes_that_disagree_is_timed_again() -> None:
    one, calls = probed(lambda call: 1.3 if call >= 4 else 1.0)
    for name in FILES:
        one.time(Path(name), name)
    assert calls == ["probe", "first", "probe", "second", "probe", "second", "probe", "third", "probe"]


def test_a_device_that_never_agrees_with_itself_is_noisy_by_as_much() -> None:
    one, calls = probed(lambda call: 1 + call % 4 / 4)
    found = one.time(Path("first"), "first")
    assert calls == ["probe", *["first", "probe"] * 3]
    assert found.noisy
    assert found.drift == pytest.approx(1 - 1 / 1.5)


def test_a_little_drift_is_no_reason_to_time_again() -> None:
    one, calls = probed(lambda call: 1 + 0.01 * call)
    found = one.time(Path("first"), "first")
    assert calls == ["probe", "first", "probe"]
    assert (found.noisy, found.drift) == (False, pytest.approx(0.02 / 1.02))
    assert found.probe_ms == pytest.approx(0.2 * 1.01)
    # Half way between its probes, to which it is brought.
    assert found.at(0.2).latency_ms == pytest.approx(1.0)
