"""The whole road of a net of somebody's, with a table that is known, and what is left of it in the folder."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from torchvision.models import mobilenet_v3_small

import pnas_own.pipeline
from command_line import assert_refused
from own.interrupted import Tables, interrupted_before
from own_nets import TINY, Run, WriteFile
from pnas_export import Bundle
from pnas_latency import Landing
from pnas_ops import DeviceInfo, ModuleArchitecture, ModuleWorkload, load_json, read_weights, workloads
from pnas_own.cli import main
from pnas_own.reporting import OwnResults
from pnas_supernet import load_checkpoint

pytestmark = pytest.mark.usefixtures("tables")

PICTURES = ("search.png", "choices.png", "architectures.png", "predictions.png")


def reported(folder: Path, cache: Path, *arguments: str | Path) -> Result:
    """The program goes on with a run by its folder."""
    given = ["report", folder, "--cache-dir", cache, "--workers", "0", *arguments]
    return CliRunner().invoke(main, list(map(str, given)))


def test_a_net_becomes_one_that_fits(
    run: Run,
    write_file: WriteFile,
    tmp_path: Path,
    tables: Tables,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, folder = write_file(TINY), tmp_path / "run"
    command = (file, "--run-dir", folder, "--target-latency-ms", "3.1")
    assert interrupted_before(monkeypatch, "export", run, *command).exit_code == 130
    monkeypatch.setattr(
        pnas_own.reporting, "no_better_line", lambda found, labels: f"Doubted: {found} of {labels.bincount().tolist()}."
    )
    monkeypatch.setattr(pnas_own.reporting, "noise_line", lambda table, *_: f"Noisy on {table.measured_on}.")
    finished = reported(folder, tmp_path / "cache")
    assert finished.exit_code == 0, finished.stderr
    assert f"The files that ship, proven, are in {folder / 'bundle'}: its README.md says" in capfd.readouterr().out
    assert (folder / "bundle" / "README.md").exists()
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

    assert results.doubt == f"Doubted: {found.score} of [5, 5]."
    assert results.doubt in (folder / "report.txt").read_text()
    assert "Noisy on 2025-01-02." in (folder / "report.txt").read_text()
    bundle = Bundle.load(folder / "bundle")
    assert {one.parity.file for one in bundle.proof.files} >= {"model.onnx", "model.tflite"}
    assert bundle.proof.net_accuracy == found.score
    assert bundle.metadata.labels == ("dark", "light")
    weights = read_weights(folder / "networks" / "searched" / "weights.safetensors")
    assert weights["3.weight"].shape == (8, 4, 3, 3)
    for line in ("Changed: 1 of 1 places", "Latencies are at the table's speed", "of the requested 3.1 ms", *PICTURES):
        assert line in (folder / "report.txt").read_text()
    for picture in PICTURES:
        Image.open(folder / picture).verify()
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


def test_a_landing_that_is_complete_is_not_measured_again(
    run: Run, write_file: WriteFile, tmp_path: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, folder = write_file(TINY), tmp_path / "run"
    command = (file, "--run-dir", folder, "--target-latency-ms", "3.1")

    def interrupt(landing: Landing, device: DeviceInfo) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pnas_own.searching, "landing_table", interrupt)
        assert run(*command).exit_code == 130
    landing = load_json(folder / "landing.json", Landing)
    assert tables.nets_measured == len(landing.attempts) > 0
    assert interrupted_before(monkeypatch, "train", run, *command).exit_code == 130
    assert tables.nets_measured == len(landing.attempts)
    assert load_json(folder / "architecture.json", ModuleArchitecture) == landing.result.architecture


def test_a_run_goes_on_by_its_folder_where_its_file_was_named_before(
    run: Run, write_file: WriteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_file(f"{TINY}\nfrom pathlib import Path\n(Path(__file__).parent / 'ran').touch()\n")
    folder, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    interrupted_before(monkeypatch, "let_imitate", run, file, "--run-dir", folder)
    (file.parent / "ran").unlink()
    refused = reported(folder, elsewhere)
    told = rf"would execute {file}, .* this --cache-dir: .* add --make {file}:make"
    assert_refused(refused, told)
    assert not (file.parent / "ran").exists()
    with monkeypatch.context() as patch:
        patch.setattr(pnas_own.pipeline, "let_imitate", lambda run: 1 / 0)
        for cache, make in ((elsewhere, ["--make", f"{file}:make"]), (elsewhere, []), (tmp_path / "cache", [])):
            assert isinstance(reported(folder, cache, *make).exception, ZeroDivisionError)
    file.rename(file.with_name("moved_model.py"))
    assert_refused(reported(folder, elsewhere), f"there is no file {file}: name the Python file that makes your net")


def test_limits_without_a_target_are_kept_and_what_is_sought_is_told(
    run: Run,
    write_file: WriteFile,
    tmp_path: Path,
    tables: Tables,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    command = (write_file(TINY), "--run-dir", tmp_path / "run", "--max-parameters", "600", "--max-macs", "1e9")
    assert interrupted_before(monkeypatch, "train", run, *command).exit_code == 130
    told = " ".join(capfd.readouterr().out.split())
    assert "no --target-latency-ms: the search seeks the lowest loss + 0.2 * (latency / 2.5 ms - 1)" in told
    assert told.count(" macs: the limit of 1,000,000,000 excludes none") == 1
    assert "within macs of 1,000,000,000 and parameters of 600; 2.5 ms is the latency of the average net" in told
    net = load_json(tmp_path / "run" / "architecture.json", ModuleArchitecture)
    assert sum(one.parameters for (one,) in workloads(net) if isinstance(one, ModuleWorkload)) <= 600
    assert tables.nets_measured == 0


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


@pytest.mark.parametrize(("target_ms", "met"), [("3.9", False), ("4", True)])
def test_a_target_that_the_original_meets_is_told(
    target_ms: str,
    met: bool,
    run: Run,
    write_file: WriteFile,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = (write_file(TINY), "--run-dir", tmp_path / "run", "--target-latency-ms", target_ms)
    interrupted_before(monkeypatch, "search", run, *arguments)
    told = capfd.readouterr().out
    assert "the original takes 4 ms" in told
    assert ("the original already meets the requested 4 ms" in told) == met


def test_a_file_that_has_changed_is_told_of(
    run: Run, write_file: WriteFile, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_before(monkeypatch, "let_imitate", run, write_file(TINY), "--run-dir", tmp_path / "run")
    assert "has changed since the run began" not in capfd.readouterr().out
    other = write_file(TINY + "# Changed.\n")
    interrupted_before(monkeypatch, "let_imitate", run, other, "--run-dir", tmp_path / "run")
    told = " ".join(capfd.readouterr().out.split())
    assert f"{other}:make has changed since the run began" in told
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


def test_the_readme_loads_weights_of_ones_own(tmp_path: Path) -> None:
    readme = Path(__file__).resolve().parents[2] / "apps" / "own" / "README.md"
    (example,) = re.findall(r"^```python\n(.*?)^```", readme.read_text(encoding="utf-8"), re.M | re.S)
    trained = mobilenet_v3_small(num_classes=10)
    torch.save(trained.state_dict(), tmp_path / "my_net.pth")
    names: dict[str, Any] = {"__file__": str(tmp_path / "my_model.py")}
    exec(compile(example, str(readme), "exec"), names)
    net = names["make"](3)
    assert net.classifier[3].out_features == 3
    assert torch.equal(net.features[0][0].weight, trained.features[0][0].weight)


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
