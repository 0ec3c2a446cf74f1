"""The program for the GPU works without one, and without a converter: what it needs is what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parents[1]
TIMEOUT_S = 120
ABSENT = (
    *("onnx", "onnxruntime", "onnxscript", "litert_torch", "torch_xla", "jax", "tensorflow", "tflite_runtime"),
    *("ai_edge_litert", "ai_edge_quantizer", "sklearn", "pnas_export"),
)
PROGRAM = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({ABSENT!r}))  # None, which is as if they were not installed
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What it says of the gradients and of the steps, in its file."""
    out = tmp_path_factory.mktemp("gpu") / "lines.jsonl"
    parts = [word for part in ("gradients", "steps_cifar") for word in ("--only", part)]
    command = [sys.executable, "-c", PROGRAM, str(TESTS / "benchmarks" / "gpu.py"), "--device", "cpu", "--tiny"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [*command, "--out", str(out), *parts],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert out.read_text() == ended.stdout
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_the_first_line_names_the_machine_and_the_software(lines: list[dict[str, Any]]) -> None:
    assert lines[0].keys() >= {"commit", "sources", "device", "torch", "cuda", "driver"}


def test_no_part_fails(lines: list[dict[str, Any]]) -> None:
    assert [line for line in lines if "error" in line and not isinstance(line["error"], float)] == []


def test_the_gates_get_the_gradients_that_they_should(lines: list[dict[str, Any]]) -> None:
    checked = [line for line in lines if line["part"] == "gradients" and "bound" in line]
    assert {line["precision"] for line in checked} == {"float64", "float32", "bfloat16"}
    assert all(0 < line["error"] <= line["bound"] for line in checked)


def test_every_step_is_timed_beside_ordinary_training(lines: list[dict[str, Any]]) -> None:
    timed = {line["step"]: line for line in lines if "ms" in line}
    assert timed.keys() >= {"ordinary", "weight", "exact", "two_path"}
    assert all(step["ms"] > 0 for step in timed.values())
    assert {name for name, step in timed.items() if "of_ordinary" in step} == timed.keys() - {"ordinary"}
