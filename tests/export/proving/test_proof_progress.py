"""How a proof times its files, and the bar meanwhile."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pnas_export import AiEdgeLitert, Runtime
from pnas_export.proving import prove as prove_module
from pnas_export.timing import sessions
from pnas_export.timing.sessions import Plan
from pnas_ops import Measurement, Progress, WalkSamples


def test_it_never_goes_back_though_files_are_timed_at_several_numbers_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def measure_files(
        calls: Mapping[int, tuple[Runtime, Path]], *, progress: Progress, **options: Any
    ) -> dict[int, Measurement]:
        for done in range(4):
            progress("measuring", done, 3)
        one = Measurement(latency_ms=1.0, p25_ms=1.0, median_ms=1.0, p75_ms=1.0, count=1)
        return dict.fromkeys(calls, one)

    monkeypatch.setattr(prove_module, "measure_files", measure_files)
    monkeypatch.setattr(prove_module, "TIMED_THREADS", (1, 4))
    told: list[tuple[str, int, int]] = []
    prove_module._timings(  # noqa: SLF001 (a whole proof takes many seconds)
        {"tflite": Path("model.tflite")}, [("tflite", AiEdgeLitert())], lambda *progress: told.append(progress)
    )
    shares = [done / total for _, done, total in told]
    assert {what for what, _, _ in told} == {"measuring"}
    assert shares == sorted(shares)
    assert (shares[0], shares[-1], len(told)) == (0.0, 1.0, 8)


def test_a_proof_asks_for_no_more_sessions_where_they_do_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its timing is noisy then, after as many sessions as others take."""
    taken: list[int] = []

    def session(plan: Plan, folder: Path, number: int, *rest: object) -> WalkSamples[str]:
        taken.append(number)
        return WalkSamples({name: [1.0 + number] * 2 for name, *_ in plan.nets}, [], [])

    monkeypatch.setattr(sessions, "_session", session)
    monkeypatch.setattr(AiEdgeLitert, "load", lambda runtime, path: None)
    monkeypatch.setattr(prove_module, "TIMED_THREADS", (1,))
    ((timing,),) = prove_module._timings(  # noqa: SLF001 (a whole proof takes many seconds)
        {"tflite": Path("model.tflite")}, [("tflite", AiEdgeLitert())], None
    )
    assert timing.measurement.noisy
    assert taken == [0, 1, 2]
