"""Searching and training where no converter is installed, as on most machines with a GPU."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import pnas_apps.steps.export
from pnas_apps.run.run_folder import RunFolder
from pnas_cifar10.cli import main
from pnas_ops import Architecture, cifar_mbconv_space, load_json
from tables import uniform_table

CONVERTERS = ("onnx", "onnxruntime", "onnxscript", "litert_torch", "ai_edge_litert", "ai_edge_quantizer", "jax")
WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({(*CONVERTERS, "jaxlib", "flatbuffers", "tensorflow", "tflite_runtime")!r}))
from pnas_cifar10.__main__ import main

main()
"""
SPACE = cifar_mbconv_space(0.25, blocks_per_stage=1, classes=2)
SHORT = [
    *("--device", "torch-cpu", "--blocks-per-stage", "1", "--width-mult", "0.25", "--search-arch-interval", "1"),
    *("--search-warmup-epochs", "1", "--search-epochs", "1", "--train-epochs", "1", "--train-warmup-epochs", "0"),
    *("--compare", "2", "--compare-epochs", "1", "--compare-seeds", "1", "--baselines", ""),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`train` and `test` with 16 and 4 noisy images of either class."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 16), ("test", 4)):
        for name, color in (("blue", (20, 40, 200)), ("red", (200, 40, 20))):
            (tmp_path / "images" / part / name).mkdir(parents=True)
            for index in range(count):
                pixels = (np.array(color) + generator.integers(-20, 20, (32, 32, 3))).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "images" / part / name / f"{index}.png")
    return tmp_path / "images"


def test_the_preset_for_a_gpu_searches_and_trains_without_converters_and_says_how_it_goes_on(
    folder: Path, tmp_path: Path
) -> None:
    uniform_table(SPACE).save(tmp_path / "table.json")
    places = {"data-dir": folder, "run-dir": tmp_path / "run", "cache-dir": tmp_path, "table": tmp_path / "table.json"}
    given = [*SHORT, "--foreign-table", *(part for name, place in places.items() for part in (f"--{name}", str(place)))]
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT, "run", "--preset", "gpu", *given], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert "searched: " in finished.stdout
    assert "lacks onnx, onnxscript, onnxruntime to export it: copy" in " ".join(finished.stdout.split())
    assert "continue there with: " in finished.stdout
    assert " report run --data-dir IMAGES\n" in finished.stdout
    run = RunFolder(tmp_path / "run")
    assert not run.is_finished
    assert SPACE.has(load_json(run.network("searched").architecture, Architecture))
    assert run.network("searched").weights.exists()
    assert len(run.accuracies.read_text().splitlines()) == 5
    assert "2 nets, 1 seed" in " ".join(finished.stdout.split())


def test_exporting_without_converters_names_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pnas_apps.steps.export, "find_spec", lambda name: None if name == "onnx" else object())
    assert pnas_apps.steps.export.missing_converters(["onnx-int8", "tflite"]) == ("onnx",)
    assert pnas_apps.steps.export.missing_converters(["tflite"]) == ()
    result = CliRunner().invoke(main, ["run", "--preset", "gpu", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "device 'torch-cuda,mode=graph' cannot be used: " in result.stderr
