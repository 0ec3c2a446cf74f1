"""The two promises of the README on real data, kept whole: minutes for the demo, an hour for CIFAR-10.

Run with `uv run pytest -m slow tests/benchmarks -s` on an idle machine.
"""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pnas_apps.run.results import RunResults
from pnas_ops import load_json

CIFAR = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "cifar10-images.zip"

pytestmark = pytest.mark.slow


def results(folder: Path, *arguments: str | Path) -> RunResults:
    program = [sys.executable, "-m", "pnas_cifar10", *map(str, arguments), "--run-dir", str(folder / "run")]
    subprocess.run([*program, "--cache-dir", str(folder / "cache")], check=True)
    return load_json(folder / "run" / "results.json", RunResults)


def test_the_demo_reaches_97_per_cent(tmp_path: Path) -> None:
    found = results(tmp_path, "demo")
    searched, fastest, biggest = found.nets
    assert searched.test_accuracy >= 0.97
    assert fastest.measured.latency_ms < searched.measured.latency_ms < biggest.measured.latency_ms
    print(f"{sum(found.seconds.values()):.0f} s: {found}")


def test_the_cpu_preset_reaches_85_per_cent_on_cifar10(tmp_path: Path) -> None:
    if not CIFAR.exists():
        pytest.skip(f"{CIFAR.name} is not beside the repository")
    zipfile.ZipFile(CIFAR).extractall(tmp_path / "images")
    found = results(tmp_path, "run", "--data-dir", tmp_path / "images")
    assert found.nets[0].test_accuracy >= 0.85
    print(f"{sum(found.seconds.values()):.0f} s: {found}")
