"""Files side by side: what is asked of the sessions, and whose measurement is whose."""

from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from torch import Tensor, nn

from pnas_export import AiEdgeLitert, OnnxRuntime, Runtime, export_onnx, measure_files
from pnas_export.timing import file_timing
from pnas_export.timing.sessions import Plan
from pnas_ops import FilePath, Measurement, Progress, report_progress


@frozen
class Trusting(AiEdgeLitert):
    """Loads anything."""

    def load(self, path: FilePath, *, threads: int = 1) -> Any:
        return None


@frozen
class TrustingOnnx(OnnxRuntime):
    """Loads anything."""

    def load(self, path: FilePath, *, threads: int = 1) -> Any:
        return None


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Those that are asked for; the latency of a file is the number in its name."""
    plans: list[Plan] = []

    def measure_in_sessions(plan: Plan, folder: Path, *, progress: Progress | None) -> dict[str, Measurement]:
        plans.append(plan)
        report_progress(progress, "measuring", 1, 2)
        report_progress(progress, "measuring", 2, 2)
        # In another order than they were asked for, as a walk finds them.
        return {
            name: Measurement(latency_ms=float(Path(file).stem), p25_ms=0, median_ms=0, p75_ms=0, count=2)
            for name, file, _ in reversed(plan.nets)
        }

    monkeypatch.setattr(file_timing, "measure_in_sessions", measure_in_sessions)
    return plans


def test_every_file_gets_its_own_latency_in_the_order_of_the_asking(plans: list[Plan], tmp_path: Path) -> None:
    files: dict[str, tuple[Runtime, FilePath]] = {
        "b": (Trusting(), tmp_path / "2.tflite"),
        "onnx": (TrustingOnnx(), tmp_path / "3.onnx"),
        "a": (Trusting(), tmp_path / "1.tflite"),
    }
    told: list[tuple[str, int, int]] = []
    found = measure_files(files, threads=3, samples=40, sessions=4, progress=lambda *step: told.append(step))
    assert [(key, one.latency_ms) for key, one in found.items()] == [("b", 2.0), ("onnx", 3.0), ("a", 1.0)]
    # Files of one runtime in one plan, so that they take turns, though each names a runtime object of its own.
    assert [plan.module for plan in plans] == ["ai_edge_litert.interpreter", "onnxruntime"]
    assert [[Path(file).name for _, file, _ in plan.nets] for plan in plans] == [["2.tflite", "1.tflite"], ["3.onnx"]]
    assert {(plan.threads, plan.whole_samples, plan.sessions, plan.rows) for plan in plans} == {(3, 40, 4, ())}
    assert told == [("measuring", done, 4) for done in (1, 2, 3, 4)]


def test_a_file_is_found_from_any_folder(plans: list[Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    measure_files({"one": (Trusting(), "1.tflite")})
    ((_, file, _),) = plans[0].nets
    assert file == str(tmp_path / "1.tflite")


class Twice(nn.Module):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images + 1, images * 2


def test_a_file_of_several_outputs_is_timed(tmp_path: Path) -> None:
    export_onnx(Twice(), (1, 1, 4, 4), tmp_path / "twice.onnx")
    found = measure_files({"twice": (OnnxRuntime(), tmp_path / "twice.onnx")}, samples=4, sessions=1)
    assert found["twice"].latency_ms > 0
