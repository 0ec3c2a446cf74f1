"""A run for PyTorch itself: from the table to the report, and what ships."""

import io
import json
import re
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from rich.console import Console

from command_line import assert_refused
from pnas_apps.run.results import RunResults
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.showing.story import story
from pnas_apps.steps import report as steps_report
from pnas_apps.steps.page import kept_results
from pnas_cifar10.cli import main
from pnas_cifar10.datasets import read_digits
from pnas_export import Bundle, OnnxRuntime
from pnas_latency import Landing, LatencyTable
from pnas_ops import Preprocessing, load_json
from rough_timing import timed_once

DEVICE = ["--device", "torch-cpu,batch=4", "--dtype", "bfloat16"]
SHORT = ["--search-warmup-epochs", "1", "--search-epochs", "1", "--train-epochs", "2", "--compare", "0"]
SMALL = ["--blocks-per-stage", "1", "--width-mult", "0.5"]
# More than any net takes, on any machine.
TARGET_MS = 500.0


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run."""
    folder = tmp_path_factory.mktemp("torch")
    target = ["--target-latency-ms", f"{TARGET_MS}"]
    with timed_once(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps_report, "no_better_line", lambda found, labels: f"Doubted: {found} of {len(labels)}.")
        patch.setattr(steps_report, "noise_line", lambda table, *_: f"Noisy on {table.measured_on}")
        places = ["--run-dir", str(folder / "run"), "--cache-dir", str(folder / "cache")]
        result = CliRunner().invoke(main, ["demo", *places, *DEVICE, *SMALL, *SHORT, *target])
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_a_run_for_pytorch_ships_onnx_and_weights_and_says_whose_numbers_are_whose(finished: Path) -> None:
    table, report = LatencyTable.load(finished / "table.json"), (finished / "report.txt").read_text()
    assert (table.device.runtime, table.device.batch, table.device.dtype) == ("torch", 4, "bfloat16")
    landing = load_json(finished / "landing.json", Landing)
    assert all(attempt.measured_ms for attempt in landing.attempts)
    assert f"Landing on {TARGET_MS:.4f} ms of 4 images, at the table's speed" in " ".join(report.split())
    words = " ".join(report.split())
    assert "(latency of the net, 4 images, measured now)" in words
    assert "Latencies are at the table's speed" in words[words.index("Limits") : words.index("Trained from")]
    assert f"The net's milliseconds are for {table.device}." in " ".join(report.split())
    assert "model.onnx and weights.safetensors ship" in " ".join(report.split())
    for net in load_json(finished / "results.json", RunResults).nets:
        assert re.search(rf"^ {net.name} .* {net.predicted_now_ms:.4f} +{net.measured.latency_ms:.4f} ", report, re.M)
    results = load_json(finished / "results.json", RunResults)
    assert results.doubt == f"Doubted: {results.nets[0].test_accuracy} of 1079."
    assert results.doubt in " ".join(report.split())
    assert results.doubt in (finished / "report.html").read_text()
    assert results.remarks[-1] == f"Noisy on {table.measured_on}."
    assert results.remarks[-1] in " ".join(report.split())
    assert results.remarks[-1] in (finished / "report.html").read_text()
    told = io.StringIO()
    Console(file=told, width=200).print(story(kept_results(RunFolder(finished)), finished / "report.html"))
    assert results.doubt in told.getvalue()
    bundle = Bundle.load(finished / "bundle")
    assert [file.name for file in bundle.files] == ["model.onnx"]
    assert (bundle.path / "weights.safetensors").exists()
    assert not list(finished.rglob("*.tflite"))


def test_what_ships_is_the_net(finished: Path) -> None:
    _, test = read_digits(16)
    images = load_json(finished / "preprocessing.json", Preprocessing)(test.images[:32])
    bundle = Bundle.load(finished / "bundle")
    with torch.no_grad():
        logits = bundle.network()(images)
    torch.testing.assert_close(OnnxRuntime().load(bundle.files[0])(images), logits, rtol=1e-4, atol=1e-4)


def test_the_table_of_a_batch_is_not_that_of_an_image(finished: Path, tmp_path: Path) -> None:
    table = str(finished / "table.json")
    again = ["demo", "--run-dir", str(tmp_path / "run"), "--table", table, *SMALL, "--device", "torch-cpu"]
    assert_refused(CliRunner().invoke(main, again), r"with dtype bfloat16, not float32; batch 4, not 1: measure one on")


def test_a_shipped_file_of_pytorch_is_predicted_with(finished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    arguments = ["predict", str(finished), str(finished / "bundle" / "sample.png"), "--as-is", "--json"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    (one,) = json.loads(capfd.readouterr().out)
    assert (one["file"], one["runtime"].split()[0]) == ("model.onnx", "onnxruntime")
