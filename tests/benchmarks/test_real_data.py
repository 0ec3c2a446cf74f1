"""The two promises of the README on real data, kept whole: minutes for the demo, an hour for CIFAR-10; other spaces in
minutes each.

Run with `uv run pytest -m slow tests/benchmarks -s` on an idle machine.
"""

import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from pnas_apps.run.results import RunResults
from pnas_apps.run.run_folder import RunFolder
from pnas_ops import load_json

CIFAR = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "cifar10-images.zip"

SHORT = ["--search-warmup-epochs", "1", "--search-epochs", "1", "--train-epochs", "2", "--compare", "0"]

pytestmark = pytest.mark.slow


def results(folder: Path, *arguments: str | Path) -> RunResults:
    program = [sys.executable, "-m", "pnas_cifar10", *map(str, arguments), "--run-dir", str(folder / "run")]
    subprocess.run([*program, "--cache-dir", str(folder / "cache")], check=True)
    return results_of(folder)


def results_of(folder: Path) -> RunResults:
    return load_json(folder / "run" / "results.json", RunResults)


def whole_road(folder: Path, *arguments: str | Path) -> None:
    """A short run, whose files are proven to be its net as it makes them."""
    found = results(folder, *arguments, *SHORT)
    assert [net.name for net in found.nets] == ["searched"]
    assert all(net.measured.latency_ms > 0.005 for net in found.nets), "a net whose file computes nothing"
    bundle = RunFolder(folder / "run").bundle("searched")
    assert {"model.onnx", "model.tflite", "model-int8.tflite"} <= {path.name for path in bundle.iterdir()}


def cifar10() -> zipfile.ZipFile:
    """The images, or a reason to skip the test."""
    if not CIFAR.exists():
        pytest.skip(f"{CIFAR.name} is not beside the repository")
    return zipfile.ZipFile(CIFAR)


def some_of_cifar10(folder: Path, **counts: int) -> None:
    """The first images of every class, so many of each split."""
    archive, taken = cifar10(), Counter[str]()
    for name in archive.namelist():
        split, of_class = name.split("/")[0], name.rpartition("/")[0]
        if not name.endswith("/") and taken[of_class] < counts[split]:
            taken[of_class] += 1
            archive.extract(name, folder)


def test_the_demo_reaches_97_per_cent(tmp_path: Path) -> None:
    found = results(tmp_path, "demo")
    (searched,) = found.nets
    assert searched.test_accuracy >= 0.97
    assert found.verdict is not None
    print(f"{sum(found.seconds.values()):.0f} s: {found.verdict.sentence}: {found}")


@pytest.mark.parametrize(("space", "width"), [("nas-bench-201", 0.5), ("darts", 0.12), ("cifar-network", 0.5)])
def test_every_space_goes_the_whole_road_on_a_share_of_cifar10(space: str, width: float, tmp_path: Path) -> None:
    images = tmp_path / "images"
    some_of_cifar10(images, train=60, test=20)
    options = ["--batch-size", "32", "--baselines", "resnet18", "--blocks-per-stage", "1", "--width-mult", f"{width}"]
    whole_road(tmp_path, "run", "--data-dir", images, "--space", space, *options)
    (priced,) = [one for one in results_of(tmp_path).baselines if one.name == "resnet18"]
    assert priced.predicted_ms is not None
    assert priced.measured is not None


def test_cells_for_digits_go_the_whole_road(tmp_path: Path) -> None:
    whole_road(tmp_path, "demo", "--space", "digits-cells", "--width-mult", "0.5")


def test_the_cpu_preset_reaches_85_per_cent_on_cifar10(tmp_path: Path) -> None:
    cifar10().extractall(tmp_path / "images")
    found = results(tmp_path, "run", "--data-dir", tmp_path / "images")
    assert found.nets[0].test_accuracy >= 0.85
    print(f"{sum(found.seconds.values()):.0f} s: {found}")
