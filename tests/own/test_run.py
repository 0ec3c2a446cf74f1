"""The whole road of a net of somebody's, with a table that is known, and what is left of it in the folder."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result

import pnas_apps.steps.table
import pnas_export.proving.proof
import pnas_own.pipeline
from command_line import assert_refused
from own_nets import TINY, Run, WriteFile
from pnas_export import Bundle
from pnas_latency import Landing, LatencyTable, TableEntry
from pnas_ops import AnySpace, ModuleArchitecture, ModuleWorkload, load_json, read_weights, workloads
from pnas_own.reporting import OwnResults
from pnas_supernet import load_checkpoint
from tables import measurement

REST_MS = 1.0
TITLES_MS = {"original": 3.0, "g2": 2.0, "g4": 1.0}


class Tables:
    """Tables of a device that is the machine's, but takes what its test says; counts how often one is measured."""

    measured = 0

    def cached_table(self, device: Any, space: AnySpace, *others: object, build: object) -> LatencyTable:
        self.measured += 1
        entries = {
            one: TableEntry(workload=one, measurement=measurement(TITLES_MS.get(one.title, REST_MS)))
            for row in workloads(space)
            for one in row
            if isinstance(one, ModuleWorkload) and not one.computes_nothing
        }
        return LatencyTable(device=device.info, measured_on="2025-01-02", entries=tuple(entries.values()))


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    """Nothing is converted or measured but for the bundle, each file of which is timed once."""
    known = Tables()
    monkeypatch.setattr(pnas_apps.steps.table, "cached_table", known.cached_table)
    monkeypatch.setattr(pnas_export.proving.proof, "_TIMED_SESSIONS", 1)
    monkeypatch.setattr(pnas_export.proving.proof, "TIMED_THREADS", (1,))
    monkeypatch.setattr(pnas_export.proving.proof, "peak_memory_bytes", lambda *_: 1)

    def measured_ms(device: object, build: object) -> Any:
        def cost(net: ModuleArchitecture) -> float:
            titles = [place.candidates[0].title for place in net.places]
            return REST_MS + sum(TITLES_MS.get(title, 0.0) for title in titles)

        return cost

    for module in (pnas_own.searching, pnas_own.reporting):
        monkeypatch.setattr(module, "measured_ms", measured_ms)
    return known


def interrupted_before(monkeypatch: pytest.MonkeyPatch, step: str, run: Run, *arguments: str | Path) -> Result:
    """The program, which a user interrupts before a step."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pnas_own.pipeline, step, interrupt)
        return run(*arguments)


def test_a_net_becomes_one_that_fits(
    run: Run, write_file: WriteFile, tmp_path: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, folder = write_file(TINY), tmp_path / "run"
    command = (file, "--run-dir", folder, "--target-latency-ms", "3.1")
    for step in ("let_imitate", "search", "train", "export"):
        assert interrupted_before(monkeypatch, step, run, *command).exit_code == 130
    finished = run(*command)
    assert finished.exit_code == 0, finished.stderr
    assert tables.measured == 1

    results = load_json(folder / "results.json", OwnResults)
    original, found = results.nets
    # 1 + 3 ms are too many, 1 + 2 fill the budget.
    assert (original.predicted_ms, original.measured_ms) == (4.0, 4.0)
    assert (found.predicted_ms, found.measured_ms) == (3.0, 3.0)
    assert [(change.path, change.title) for change in results.changes] == [("3", "g2")]
    assert results.places == 1
    net = load_json(folder / "architecture.json", ModuleArchitecture)
    assert load_json(folder / "landing.json", Landing).result.architecture == net

    bundle = Bundle.load(folder / "bundle")
    assert {one.parity.file for one in bundle.proof.files} >= {"model.onnx", "model.tflite"}
    assert bundle.proof.net_accuracy == found.score
    assert bundle.metadata.labels == ("dark", "light")
    weights = read_weights(folder / "networks" / "searched" / "weights.safetensors")
    assert weights["3.weight"].shape == (8, 4, 3, 3)
    for line in ("Changed: 1 of 1 places", "of the 3.1 ms asked for"):
        assert line in (folder / "report.txt").read_text()
    assert_refused(run(*command), "already holds a finished run")


def test_a_run_that_was_interrupted_finds_what_one_finds_that_was_not(
    run: Run, write_file: WriteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_file(TINY)
    for step in ("let_imitate", "search", "train", "export"):
        interrupted_before(monkeypatch, step, run, file, "--run-dir", tmp_path / "often")
    interrupted_before(monkeypatch, "export", run, file, "--run-dir", tmp_path / "once")
    once, often = (
        read_weights(tmp_path / name / "networks" / "searched" / "weights.safetensors") for name in ("once", "often")
    )
    assert once.keys() == often.keys()
    assert all(torch.equal(once[name], often[name]) for name in once)
    searches = [load_checkpoint(tmp_path / name / "search.pt", kind="search")["network"] for name in ("once", "often")]
    assert all(torch.equal(searches[0][name], searches[1][name]) for name in searches[0])


def test_batch_norm_that_keeps_its_statistics_keeps_them_to_the_end(
    run: Run, write_file: WriteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_file(
        TINY.replace("def make(", "def made(") + "def make(classes):\n    net = made(classes)\n"
        "    net[1].eval()\n    net[1].running_mean.fill_(0.25)\n    return net\n"
    )
    assert interrupted_before(monkeypatch, "export", run, file, "--run-dir", tmp_path / "run").exit_code == 130
    for name in ("original", "searched"):
        weights = read_weights(tmp_path / "run" / "networks" / name / "weights.safetensors")
        assert torch.equal(weights["1.running_mean"], torch.full((8,), 0.25))
        assert not torch.equal(weights["4.running_mean"], torch.zeros(8))


def test_a_budget_that_no_net_meets_is_corrected_in_the_same_folder(
    run: Run, write_file: WriteFile, tmp_path: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_file(TINY)
    refused = run(file, "--run-dir", tmp_path / "run", "--target-latency-ms", "0.5")
    assert refused.exit_code == 1
    assert "no net" in refused.stderr
    assert refused.stderr.count("\n") == 1
    corrected = interrupted_before(
        monkeypatch, "search", run, file, "--run-dir", tmp_path / "run", "--target-latency-ms", "2.5"
    )
    assert corrected.exit_code == 130
    assert tables.measured == 1
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["budget"]["latency_ms"] == 2.5


def test_a_file_that_has_changed_is_told_of(
    run: Run, write_file: WriteFile, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_before(monkeypatch, "let_imitate", run, write_file(TINY), "--run-dir", tmp_path / "run")
    assert "not as it was" not in capfd.readouterr().out
    other = write_file(TINY + "# Changed.\n")
    interrupted_before(monkeypatch, "let_imitate", run, other, "--run-dir", tmp_path / "run")
    told = " ".join(capfd.readouterr().out.split())
    assert f"{other}:make is not as it was when the run began" in told
    wider = write_file(TINY.replace("nn.Conv2d(8, 8, 3, padding=1)", "nn.Conv2d(8, 8, 5, padding=2)"))
    assert_refused(run(wider, "--run-dir", tmp_path / "run"), r"unfinished run with other settings \(.*space")


LOADERS = """
import torch
from torch.utils.data import DataLoader, TensorDataset

def make():
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))

def loss(outputs, masks):
    return nn.functional.cross_entropy(outputs, masks)

def score(outputs, masks):
    return float((outputs.argmax(dim=1) == masks).float().mean())

def loaders(folder):
    pixels = torch.randint(256, (40, 3, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    parts = [TensorDataset(p, (p[:, 0] > 127).long()) for p in pixels.split([16, 8, 16])]
    return [DataLoader(part, 8, shuffle=index < 2) for index, part in enumerate(parts)]
"""


def test_loaders_loss_and_score_of_ones_own(
    run: Run, write_file: WriteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_file("from torch import nn\n" + LOADERS)
    for name in ("first", "second"):
        stopped = interrupted_before(monkeypatch, "export", run, file, "--run-dir", tmp_path / name)
        assert stopped.exit_code == 130, stopped.stderr
    first, second = (
        read_weights(tmp_path / name / "networks" / "searched" / "weights.safetensors") for name in ("first", "second")
    )
    # The loaders shuffle by PyTorch's randomness, and the seed of the run fixes that, too.
    assert all(torch.equal(first[name], second[name]) for name in first)
    history = (tmp_path / "first" / "networks" / "searched" / "history.jsonl").read_text().splitlines()
    for record in map(json.loads, history):
        assert 0 <= record["accuracy"] <= 1
