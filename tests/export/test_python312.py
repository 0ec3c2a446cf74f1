"""The package on the first Python that tflite-runtime does not exist for, with the newest of everything."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def run(*command: str | Path, place: Path = ROOT) -> str:
    """What a command prints; its error is shown where it fails."""
    finished = subprocess.run(command, cwd=place, env=ENVIRONMENT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


@pytest.fixture
def newer_python() -> str:
    """The path of an interpreter that is installed here."""
    for version in ("3.12", "3.13", "3.14"):
        if shutil.which(f"python{version}") is not None:
            # Where it is a shim of pyenv, it runs only if that version is asked for.
            environment = ENVIRONMENT | {"PYENV_VERSION": version}
            command = [f"python{version}", "-c", "import sys; print(sys.executable)"]
            found = subprocess.run(command, env=environment, capture_output=True, text=True)
            if found.returncode == 0:
                return found.stdout.strip()
    pytest.skip("there is no Python 3.12 or later here")


@pytest.mark.slow
def test_the_readme_runs_without_tflite_runtime(newer_python: str, tmp_path: Path) -> None:
    for package in ("pnas-ops", "pnas-export"):
        run("uv", "build", "--wheel", "--package", package, "--out-dir", tmp_path / "wheels")
    run("uv", "venv", "--python", newer_python, tmp_path / "environment")
    python = tmp_path / "environment" / "bin" / "python"
    run("uv", "pip", "install", "--python", python, "--find-links", tmp_path / "wheels", "pnas-export")
    installed = run(
        python, "-I", "-c", "import pnas_export; print(*(one.name for one in pnas_export.installed_runtimes()))"
    )
    assert installed.split() == ["ai-edge-litert", "onnxruntime"]
    text = (ROOT / "packages/pnas-export/README.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    (tmp_path / "place").mkdir()
    printed = run(python, "-I", "-c", "\n".join(examples), place=tmp_path / "place")
    assert "net.tflite on ai-edge-litert" in printed
