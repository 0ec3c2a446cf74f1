"""Files that earlier versions wrote are read, or refused by name with the way out."""

import io
import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from rich.console import Console

from pnas_apps.cli.opening import open_run
from pnas_apps.cli.presets import VERSION, read_preset
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.processes import Processes
from pnas_apps.ground.progress import Reporter
from pnas_apps.ground.session import Session
from pnas_apps.run.accuracies import Finished, digest
from pnas_apps.run.checked_lines import read_lines
from pnas_apps.run.compare_config import CompareConfig
from pnas_apps.run.folder import SEARCHED
from pnas_apps.run.judged_nets import read_judged
from pnas_apps.run.preset import ImagePreset, PhotoPreset, structure_preset
from pnas_apps.run.results import RunResults
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.steps.contenders import Contenders
from pnas_apps.steps.net_training import load_network
from pnas_apps.steps.supernet_search import run_search
from pnas_cifar10.cli import APP, PRESETS
from pnas_export import Bundle, BundleError, OnnxRuntime
from pnas_latency import Landing, LatencyTable
from pnas_ops import Architecture, Preprocessing, load_json
from pnas_supernet import CheckpointError, load_checkpoint, save_checkpoint

SAMPLES = Path(__file__).parent / "samples"
FINISHED, UNFINISHED, PHOTOS = (SAMPLES / name for name in ("finished-run", "unfinished-run", "photo-run"))
COMPARED = SAMPLES / "compared-run"
JUDGED = SAMPLES / "judged-run"


@pytest.fixture
def reporter() -> Reporter:
    """Progress that nobody sees."""
    return Reporter(Console(file=io.StringIO()))


def document(path: Path) -> dict[str, Any]:
    """What stands in a JSON file."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_table_predicts_what_its_numbers_add_up_to() -> None:
    raw = document(FINISHED / "table.json")
    table = LatencyTable.load(FINISHED / "table.json")
    assert (len(table.entries), len(table.nets)) == (len(raw["entries"]), len(raw["nets"]))
    assert "batch" not in raw["device"]
    assert table.device.batch == 1
    calibration = raw["calibration"]
    overheads = sorted(entry["measurement"]["overhead_ms"] for entry in raw["entries"])
    for net in raw["nets"]:
        blocks = [block for block in net["architecture"]["blocks"] if block["op"]["kind"] != "Zero"]
        # In this space no block stands at two places, so that a block alone tells its line.
        lines = [entry for entry in raw["entries"] for block in blocks if entry["workload"]["block"] == block]
        assert len(lines) == len(blocks)
        summed = sum(entry["measurement"]["latency_ms"] for entry in lines) + overheads[len(overheads) // 2]
        expected = calibration["scale"] * summed + calibration["offset_ms"]
        (entry,) = (entry for entry in table.nets if entry.architecture.name == net["architecture"]["name"])
        assert table.predict_ms(entry.architecture) == pytest.approx(expected, rel=1e-12)


def test_a_finished_run_is_read_whole() -> None:
    folder = RunFolder(FINISHED)
    raw = document(folder.settings)
    settings = folder.read_settings()
    assert folder.is_finished
    assert isinstance(settings.preset, ImagePreset)
    assert (settings.task, settings.budget.latency_ms) == ("digits", raw["budget"]["latency_ms"])
    assert settings.preset.search.alpha_betas == tuple(raw["preset"]["search"]["alpha_betas"])
    assert (settings.space.name, len(settings.space.mixed)) == ("digits-mbconv-0.5-1", 2)
    results, landing = load_json(folder.results, RunResults), load_json(folder.landing, Landing)
    assert [net.name for net in results.nets] == ["searched", "fastest", "biggest"]
    assert landing.result.architecture == load_json(folder.architecture, Architecture)
    assert landing.result.measured_ms == document(folder.landing)["attempts"][landing.chosen]["measured_ms"]


def test_what_an_earlier_version_compared_with_is_what_a_verdict_is_asked_for_with() -> None:
    for folder in (FINISHED, UNFINISHED, PHOTOS):
        epochs = document(folder / "settings.json")["preset"]["reference_epochs"]
        assert RunFolder(folder).read_settings().preset.compare == CompareConfig(nets=0, epochs=epochs)


def test_a_run_that_was_compared_has_its_verdict_and_all_that_it_is_made_of() -> None:
    folder = RunFolder(COMPARED)
    assert folder.read_settings().preset.compare == CompareConfig(nets=3, epochs=1, seeds=2)
    verdict, nets = load_json(folder.results, RunResults).verdict, load_json(folder.contenders, Contenders)
    assert verdict is not None
    assert verdict.sentence == (
        "The searched net is not shown to be better than random nets of a latency within 4.2% of its own: "
        "1.0 ± 5.2 points (3 nets, 2 seeds; 95%: -18.1 to 20.1)"
    )
    lines = {(one.net, one.seed): one for one in read_lines(folder.accuracies, Finished, unchanged=True)[0]}
    assert {(net.name, seed) for net in verdict.nets for seed in range(2)} == lines.keys()
    for net, contender in zip(verdict.nets, nets.first(3).nets, strict=True):
        assert net.accuracies == tuple(lines[net.name, seed].accuracy for seed in range(2))
        assert digest(contender.architecture) == lines[net.name, 0].digest


def test_nets_that_a_run_judged_have_their_values() -> None:
    weights = "55ed9c8788373a30b337281c161d792e83a6ca2f2910b93cbf994cf6257c96f6"
    told: list[str] = []
    found = read_judged(RunFolder(JUDGED), weights, told.append)
    assert found == {(6, 5, 3): 7 / 12, (5, 3, 1): 2 / 12, (3, 1, 3): 7 / 12}
    assert not told


def test_the_nets_of_a_finished_run_have_their_weights_and_their_files() -> None:
    folder = RunFolder(FINISHED)
    bundle = Bundle.load(folder.bundle(SEARCHED))
    preprocessing = load_json(folder.preprocessing, Preprocessing)
    assert bundle.metadata.preprocessing == preprocessing
    pixels = torch.randint(256, (8, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    images = preprocessing(pixels)
    with torch.no_grad():
        logits = load_network(folder.network(SEARCHED)).eval()(images)
        torch.testing.assert_close(bundle.network()(images), logits)
    torch.testing.assert_close(OnnxRuntime().load(bundle.path / "model.onnx")(images), logits, rtol=1e-4, atol=1e-4)


def test_the_settings_of_a_run_on_photos_are_read() -> None:
    settings = RunFolder(PHOTOS).read_settings()
    assert isinstance(settings.preset, PhotoPreset)
    assert (
        settings.preset.augmentation.min_scale
        == document(PHOTOS / "settings.json")["preset"]["augmentation"]["min_scale"]
    )
    assert (settings.device.name, settings.device.threads) == ("onnxruntime", 2)


def test_an_unfinished_search_goes_on_to_its_end(tmp_path: Path, reporter: Reporter) -> None:
    shutil.copytree(UNFINISHED, tmp_path / "run")
    # It was begun before the digits had noise and another split.
    begun = document(UNFINISHED / "settings.json")
    digits = {"train_images": 718, "test_images": 1079}
    (tmp_path / "run" / "settings.json").write_text(json.dumps(begun | digits))
    session = Session(reporter=reporter, processes=Processes(device=torch.device("cpu")), workers=0)
    opened = open_run(
        tmp_path / "run",
        lambda folder, preset, space, track: APP.read_task(folder, False, preset, space, track),
        data_dir=None,
        cache_dir=tmp_path / "cache",
        session=session,
    )
    table = LatencyTable.load(UNFINISHED / "table.json")
    before = load_checkpoint(UNFINISHED / "search.pt", kind="search")["history"]

    with opened as run:
        _, history = run_search(run, table, table.predict_ms)

    assert 0 < len(before) < len(history)
    assert len(history) == run.preset.search.warmup_epochs + run.preset.search.epochs
    for record, earlier in zip(history, before, strict=False):
        assert (record.epoch, record.train_loss, record.entropy) == (
            earlier["epoch"],
            earlier["train_loss"],
            earlier["entropy"],
        )


def test_a_preset_without_a_version_is_read_as_the_one_that_it_became() -> None:
    old = read_preset(str(SAMPLES / "preset.toml"), PRESETS)
    assert old["compare"] == {"nets": 0, "epochs": 20}
    assert "version" not in tomllib.loads((SAMPLES / "preset.toml").read_text())
    today = structure_preset(read_preset("digits", PRESETS), "digits", ImagePreset)
    assert structure_preset(old, "old", ImagePreset) == evolve(
        today, search=evolve(today.search, epochs=18, precision="float32"), train=evolve(today.train, epochs=20)
    )


def with_version(path: Path, version: int) -> None:
    path.write_text(json.dumps(document(path) | {"schema_version": version}))


def test_a_table_of_a_later_version_is_refused_by_name(tmp_path: Path) -> None:
    path = Path(shutil.copy(FINISHED / "table.json", tmp_path))
    with_version(path, 2)
    with pytest.raises(
        ValueError,
        match=r"table\.json: holds LatencyTable version 2, expected .* version 1: read it with the software",
    ):
        LatencyTable.load(path)


def test_a_run_of_a_later_version_is_refused_by_name(tmp_path: Path) -> None:
    shutil.copy(FINISHED / "settings.json", tmp_path)
    with_version(tmp_path / "settings.json", 2)
    with pytest.raises(UserError, match=r"settings\.json: holds RunSettings version 2, .*: name another folder"):
        RunFolder(tmp_path).read_settings()


def test_a_bundle_of_a_later_version_is_refused_by_name(tmp_path: Path) -> None:
    shutil.copytree(FINISHED / "bundle", tmp_path / "bundle")
    with_version(tmp_path / "bundle" / "bundle.json", 2)
    with pytest.raises(BundleError, match=r"bundle\.json: holds Contents version 2, .*: export the net again"):
        Bundle.load(tmp_path / "bundle")


def test_a_checkpoint_of_a_sweeps_aim_is_read_with_the_part_that_all_aims_have() -> None:
    state = load_checkpoint(SAMPLES / "aim" / "search.pt", kind="search")
    assert state["step"] == 7
    assert state["network"]["alpha"].tolist() == [1, 2]
    assert state["network"]["weight"].tolist() == [0, 1, 2]


def test_a_checkpoint_of_another_version_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr("pnas_supernet.running.checkpoint._VERSION", 4)
        save_checkpoint({}, tmp_path / "search.pt", kind="search")
    with pytest.raises(CheckpointError, match=r"search\.pt has version 4 .*, this software 3: go on with the software"):
        load_checkpoint(tmp_path / "search.pt", kind="search")


def test_a_preset_of_a_later_version_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"version = {VERSION + 1}\n" + (SAMPLES / "preset.toml").read_text())
    with pytest.raises(
        UserError, match=rf"mine\.toml is a preset of version {VERSION + 1}, and this software reads {VERSION}: use"
    ):
        read_preset(str(path), PRESETS)
