"""One search for several aims, each of which then has a run of its own."""

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from rich.console import Console
from torch import Tensor

from apps.interruption import Interrupted
from bits import bits
from pnas_apps.cli import sweeps
from pnas_apps.cli.presets import read_preset
from pnas_apps.cli.sweeps import go_on_sweeping
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet, measure_preprocessing
from pnas_apps.images.memory_source import MemorySource
from pnas_apps.run.compare_config import CompareConfig
from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.results import RunResults, net_result
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.sweep_aims import SweepAim, sweep_aims
from pnas_apps.run.sweep_results import SweepResults
from pnas_apps.run.task import Task
from pnas_apps.steps import pipeline, sweep
from pnas_apps.steps import search as steps_search
from pnas_apps.steps.compare import Compared
from pnas_apps.steps.pipeline import StepName
from pnas_apps.steps.start import begin_with, find_start
from pnas_apps.steps.supernet_search import run_search
from pnas_apps.steps.table import TableChoice, Tabled
from pnas_cifar10.cli import PRESETS
from pnas_ops import digits_mbconv_space, load_json, read_weights
from pnas_supernet import CheckpointError, SuperNet, alpha_parameters, load_checkpoint
from tables import measurement, uniform_table

DEVICES = [DeviceSettings(name="torch-cpu"), DeviceSettings(name="onnxruntime")]
AIMS = sweep_aims(DEVICES[:1], [7.0, 9.0])
NAMES = ["torch-cpu-7ms", "torch-cpu-9ms"]
SPACE = evolve(digits_mbconv_space(0.5, classes=3, resolution=8), candidates=digits_mbconv_space().candidates[::3])
TABLE = uniform_table(SPACE)
"""Of a device that is not here."""


class AnyDevice:
    info = evolve(TABLE.device, device="here")


def find_table(run: Run, choice: TableChoice) -> Tabled:
    return Tabled(device=AnyDevice(), table=TABLE)  # type: ignore[arg-type]


def report(run: Run, compared: Compared) -> Any:
    """The results, of nothing measured."""
    net = compared.trained.net
    found = net_result(net.architecture, net.epochs, net.accuracy, TABLE, measurement(3.0))
    run.folder.files.save(RunResults(nets=(found,), seconds={}), run.folder.results)
    return compared


@pytest.fixture(scope="module", autouse=True)
def nothing_is_measured() -> Iterator[None]:
    """Tables are known, nets are not exported, and pictures of searches not drawn: all that takes long."""
    pretended = {"table": find_table, "export": lambda run, compared: compared, "report": report}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep, "find_table", find_table)
        patch.setattr(pipeline, "STEPS", pipeline.STEPS | pretended)
        patch.setattr(steps_search, "save_figure", lambda figure, path: path.write_bytes(b"a picture"))
        yield


def make_sweep(path: Path, aims: tuple[SweepAim, ...] = AIMS) -> Run:
    """A sweep in a folder, that was begun there or is begun now."""
    preset = structure_preset(read_preset("digits", PRESETS), "digits", ImagePreset)
    preset = evolve(
        preset,
        resolution=8,
        batch_size=8,
        compare=CompareConfig(nets=0),
        judged_nets=8,
        search=evolve(preset.search, warmup_epochs=1, epochs=2),
        train=evolve(preset.train, epochs=2, warmup_epochs=1),
    )
    images = make_images()
    source = MemorySource(images=images, augmentation=preset.augmentation, preprocessing=measure_preprocessing(images))
    settings = RunSettings(
        task="test",
        seed=0,
        preset=preset,
        space=SPACE,
        train_images=len(source),
        test_images=len(source),
        classes=source.classes,
        device=aims[0].device,
        aims=aims,
    )
    folder = RunFolder(path)
    path.mkdir(exist_ok=True)
    if not folder.is_finished:
        folder.begin(settings)
    return Run(
        task=Task(name="test", train=source, test=source, space=SPACE),
        preset=preset,
        folder=folder,
        seed=0,
        reporter=Reporter(Console(file=io.StringIO(), width=80)),
        cache=Cache(path / "cache"),
        target=aims[0].device,
    )


def make_images() -> ImageSet:
    """30 grey images of 3 classes."""
    labels = torch.arange(30) % 3
    noise = torch.randint(40, (30, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    return ImageSet(images=(noise + 90 * labels.view(-1, 1, 1, 1)).to(torch.uint8), labels=labels, classes=tuple("abc"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = make_sweep(tmp_path_factory.mktemp("sweep") / "whole")
    go(run)
    return run


def go(run: Run) -> None:
    go_on_sweeping(run, run.preset, table=None, foreign_table=False)


def weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """All of a supernet but its alphas."""
    return {name: tensor for name, tensor in state.items() if "alpha" not in name}


def left(run: Run) -> dict[str, Any]:
    """All that matters of what a sweep left: the searches' ends, nets and weights of all aims."""
    found: dict[str, Any] = {}
    for name in NAMES:
        folder = RunFolder(run.folder.path / name)
        found[name] = (
            bits(load_checkpoint(folder.search_checkpoint, kind="search")),
            folder.architecture.read_text(),
            folder.history.read_text(),
            [(path.parent.name, bits(read_weights(path))) for path in sorted(folder.path.rglob("*.safetensors"))],
        )
    return found


def test_each_aim_has_a_run_whose_search_is_over(whole: Run) -> None:
    path, (first, *others) = whole.folder.path, NAMES
    assert sorted(entry.name for entry in path.iterdir() if entry.is_dir()) == sorted(NAMES)
    states = {name: load_checkpoint(path / name / "search.pt", kind="search") for name in NAMES}
    probs = {name: state["history"][-1]["probs"] for name, state in states.items()}
    # Tables are equal here, so that aims differ by their budgets alone, and by the paths that they drew.
    assert len({str(one) for one in probs.values()}) == len(NAMES)
    for name in others:
        weights, of_first = (
            {n: t for n, t in states[one]["network"].items() if "alpha" not in n} for one in (name, first)
        )
        assert bits(weights) == bits(of_first)
    for aim, name in zip(AIMS, NAMES, strict=True):
        settings = RunFolder(path / name).read_settings()
        assert (settings.device, settings.budget.latency_ms, settings.aims) == (aim.device, aim.latency_ms, ())
        state = states[name]
        assert len(state["history"]) == 3
        supernet = SuperNet(SPACE)
        supernet.load_state_dict(state["network"])
        assert probs[name] == tuple(tuple(alpha.softmax(0).tolist()) for alpha in alpha_parameters(supernet))
        assert state["arch_step"]["constraints"][0]["steps"] == 2 * (22 // 8 // 2)


def test_the_weights_of_all_aims_are_on_the_disk_once_and_each_folder_goes_on_without_the_others(
    whole: Run, tmp_path: Path
) -> None:
    first, second = (RunFolder(whole.folder.path / name) for name in NAMES)
    common = "search.common.pt"
    assert (first.path / common).samefile(second.path / common)
    assert first.search_checkpoint.stat().st_size < (first.path / common).stat().st_size / 2
    copy = RunFolder(tmp_path / "copy")
    shutil.copytree(second.path, copy.path)
    assert not copy.damages()
    assert find_start(copy.path, alpha=True).start.sha256 == find_start(second.path, alpha=True).start.sha256
    found, expected = (load_checkpoint(one.search_checkpoint, kind="search") for one in (copy, second))
    assert bits(found) == bits(expected)


def test_it_ends_with_a_table_a_picture_and_the_results_of_all(whole: Run) -> None:
    results = load_json(whole.folder.results, SweepResults)
    assert [(aim.folder, aim.device, aim.asked_ms) for aim in results.aims] == [
        (name, aim.device.name, aim.latency_ms) for name, aim in zip(NAMES, AIMS, strict=True)
    ]
    for aim in results.aims:
        assert (aim.searched,) == load_json(whole.folder.path / aim.folder / "results.json", RunResults).nets
        assert aim.searched.name == "searched"
        assert aim.searched.predicted_ms <= aim.asked_ms
        assert f"{aim.searched.test_accuracy:.2%}" in whole.folder.report.read_text()
    assert whole.folder.curve.read_bytes().startswith(b"\x89PNG")
    assert whole.folder.is_finished
    assert list(results.seconds) == ["table", "search", "nets"]
    for aim in results.aims:
        assert RunFolder(whole.folder.path / aim.folder).read_seconds()["sweep"] == results.seconds["search"] > 0


def test_a_table_is_looked_for_once_a_device_with_its_smallest_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, float | None]] = []

    def watched(run: Run, choice: TableChoice) -> Tabled:
        asked.append((run.folder.table.name, run.budget.latency_ms))
        return find_table(run, choice)

    monkeypatch.setattr(sweep, "find_table", watched)
    aims = sweep_aims(DEVICES, [9.0, 7.0, 800.0])
    aimed = sweep.find_tables(run := make_sweep(tmp_path / "run", aims), aims, TableChoice())
    assert asked == [("table-torch-cpu.json", 7.0), ("table-onnxruntime.json", 7.0)]
    assert [(one.run.folder.path.name, one.run.budget.latency_ms) for one in aimed[:2]] == [
        ("torch-cpu-9ms", 9.0),
        ("torch-cpu-7ms", 7.0),
    ]
    assert isinstance(run.reporter.console.file, io.StringIO)
    told = run.reporter.console.file.getvalue().splitlines()
    needless = [f"the limit of {limit} excludes none" for limit in ("9.0000", "800.0000")]
    assert [line.rpartition(": ")[2] for line in told] == needless * 2


@pytest.mark.parametrize(
    ("bar", "count"), [("searching", 1), ("judging nets with inherited weights", 2), ("searched net", 2)]
)
def test_a_sweep_that_is_interrupted_anywhere_ends_as_one_that_never_was(
    whole: Run, tmp_path: Path, bar: str, count: int
) -> None:
    """In the search, while nets are judged for the second aim, and in the training of the second net."""

    class InterruptedIn(Reporter):
        begun = 0

        def bar(self, what: str, *counted: Any) -> Any:
            self.begun += what == bar
            interrupts = what == bar and self.begun == count
            return (Interrupted(self, 5) if interrupts else super()).bar(what, *counted)

    run = make_sweep(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        go(evolve(run, reporter=InterruptedIn(run.reporter.console)))
    run = make_sweep(tmp_path / "stopped")
    assert not run.folder.is_finished
    go(run)
    assert left(run) == left(whole)
    assert run.folder.report.read_text() == whole.folder.report.read_text()


def test_what_is_done_is_not_done_again(whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "copy"
    shutil.copytree(whole.folder.path, path)
    lost = path / NAMES[1]
    for name in ("search.pt", "results.json"):
        (lost / name).unlink()
    before = {one: one.stat().st_mtime_ns for one in path.rglob("*.*") if one.is_file() and lost not in one.parents}
    gone: list[str] = []
    go_on = sweeps.go_on

    def watched(run: Run, until: StepName) -> None:
        gone.append(run.folder.path.name)
        go_on(run, until)

    monkeypatch.setattr(sweeps, "go_on", watched)
    run = make_sweep(path)
    go(run)
    assert gone == [NAMES[1]]
    assert left(run) == left(whole)
    changed = {one.name for one, when in before.items() if one.stat().st_mtime_ns != when}
    assert changed <= {"files.json", "seconds.json", "history.jsonl", "results.json", "report.txt", "sweep.png"}


def test_weights_that_all_aims_share_and_that_are_damaged_are_made_anew_by_the_way_out(
    whole: Run, tmp_path: Path
) -> None:
    path = tmp_path / "copy"
    shutil.copytree(whole.folder.path, path)
    shared, other = (path / name / "search.common.pt" for name in NAMES)
    other.unlink()
    other.hardlink_to(shared)
    with shared.open("r+b") as file:  # in place: under all its names
        file.seek(1000)
        file.write(b"damage")
    for name in NAMES:
        (path / name / "results.json").unlink()
        (path / name / "networks" / "searched" / "weights.pt").unlink(missing_ok=True)
        (path / name / "landing.json").unlink()
    with pytest.raises(
        CheckpointError, match=rf"lacks {shared}, which is gone .*: delete {path / NAMES[0]}/search\.pt, "
    ):
        go(make_sweep(path))
    for name in NAMES:
        (path / name / "search.pt").unlink()
    run = make_sweep(path)
    go(run)
    assert left(run) == left(whole)


def test_a_sweep_of_one_aim_finds_what_its_search_finds(tmp_path: Path) -> None:
    aims = sweep_aims(DEVICES[:1], [8.0])
    run = make_sweep(tmp_path / "one", aims)
    (aimed,) = sweep.find_tables(run, aims, TableChoice())
    sweep.sweep_search(run, [aimed])
    alone = make_sweep(tmp_path / "alone", aims)
    run_search(evolve(alone, budget=evolve(alone.budget, latency_ms=8.0)), TABLE, lambda net: 1.0)
    found, expected = (load_checkpoint(one.folder.search_checkpoint, kind="search") for one in (aimed.run, alone))
    assert bits(found) == bits(expected)
    assert aimed.run.folder.history.read_text() == alone.folder.history.read_text()
    told = run.reporter.console.file
    assert isinstance(told, io.StringIO)
    # Accuracies that are not those of a net.
    assert re.search(r"search: sampled nets [\d.]+% in training, [\d.]+ ms, entropy", told.getvalue())


@pytest.mark.parametrize("alpha", [False, True])
def test_a_supernet_begins_with_the_weights_of_another_search_and_with_its_alpha_if_asked(
    whole: Run, alpha: bool
) -> None:
    path = whole.folder.path / NAMES[1]
    supernet = SuperNet(SPACE, generator=torch.Generator().manual_seed(9))
    own = bits(alpha_parameters(supernet))
    begin_with(supernet, find_start(path, alpha=alpha).start)
    expected, found = load_checkpoint(path / "search.pt", kind="search")["network"], supernet.state_dict()
    assert bits(weights(found)) == bits(weights(expected))
    assert (bits(found) == bits(expected)) is alpha
    assert (bits(alpha_parameters(supernet)) == own) is not alpha


def test_a_search_that_began_with_another_goes_on_without_it(whole: Run, tmp_path: Path) -> None:
    shutil.copytree(whole.folder.path, tmp_path / "first")
    start = find_start(tmp_path / "first", alpha=False).start

    def search(name: str) -> Any:
        run = make_sweep(tmp_path / name)
        supernet, _ = run_search(evolve(run, start=None if name == "fresh" else start), TABLE, lambda net: 1.0)
        return bits(supernet.state_dict())

    begun = search("begun")
    assert begun != search("fresh")
    (tmp_path / "first" / "search.pt").unlink()
    assert search("begun") == begun
    with pytest.raises(UserError, match="which this search starts from, is missing or has changed: restore"):
        search("another")
