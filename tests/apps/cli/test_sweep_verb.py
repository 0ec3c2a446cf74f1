"""What a sweep, or a search that begins with another one, refuses before anything slow."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict, evolve
from click.testing import CliRunner, Result
from PIL import Image

from command_line import assert_refused
from pnas_apps.cli import runs, sweeps
from pnas_apps.cli.start_options import started_preset
from pnas_apps.run.preset import Preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.steps import table
from pnas_cifar10.cli import main
from pnas_ops import cifar_mbconv_space
from pnas_supernet import save_checkpoint
from tables import uniform_table

# What a search of eight images of 8 pixels needs.
FEW = ["--validation-share", "0.5", "--search-arch-interval", "1", "--batch-size", "4", "--device", "torch-cpu"]
SMALL = [*FEW, "--resolution", "8", "--blocks-per-stage", "1"]
BUDGETS = ["--target-latency-ms", "0.5,2"]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """The runs that were begun; none goes any further."""
    found: list[Run] = []
    monkeypatch.setattr(runs, "go_on", lambda run, until, **options: found.append(run))
    monkeypatch.setattr(sweeps, "go_on_sweeping", lambda run, single, **options: found.append(run))
    return found


@pytest.fixture
def program(image_folder: Path, tmp_path: Path) -> Any:
    """Runs the program on a folder of images, with a cache of its own."""

    def run(verb: str, *arguments: object, data: Path = image_folder, few: list[str] = SMALL) -> Result:
        common = [verb, "--data-dir", data, "--cache-dir", tmp_path / "cache", *few]
        return CliRunner().invoke(main, list(map(str, [*common, *arguments])))

    return run


def leave_search(path: Path, *, kind: str = "search", missing: int = 0) -> None:
    """What a search of the run in this folder would leave that lacks so many epochs, as far as it is looked at."""
    folder = RunFolder(path)
    config = folder.read_settings().preset.search
    history: list[dict[str, Any]] = [{}] * (config.warmup_epochs + config.epochs - missing)
    save_checkpoint({"history": history, "config": asdict(config)}, folder.search_checkpoint, kind=kind)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--target-latency-ms", "1,2,1"],
            "--target-latency-ms names a number twice, got 1,2,1: leave",
        ),
        (["--target-latency-ms", "1,0"], "--target-latency-ms must be a number above 0 and at most .*, got 0: give"),
        (["--target-latency-ms", "-1"], "must be a number above 0 and at most .*, got -1"),
        (["--target-latency-ms", "1,two"], "must be a number above 0 .*, got two"),
        ([*BUDGETS, "--device", "abacus"], "there is no device 'abacus': name one of torch-cpu"),
        ([*BUDGETS, "--device", "torch-cpu"], "--device names torch-cpu twice: leave one of them out"),
        ([*BUDGETS, "--device", "tflite", "--table", __file__], "--table is for one device: leave it out, or name one"),
        (
            [*BUDGETS, "--device", "onnxruntime", "--dtype", "bfloat16"],
            "device onnxruntime does not measure 'bfloat16'",
        ),
        (
            [*BUDGETS, "--max-file-bytes", "1000"],
            "--max-file-bytes limits a TFLite file, and none ships for t",
        ),
    ],
)
def test_a_sweep_of_what_is_no_budget_or_no_device_is_refused(
    arguments: list[str], message: str, begun: list[Run], program: Any, tmp_path: Path
) -> None:
    assert_refused(program("sweep", "--run-dir", tmp_path / "sweep", *arguments), message)
    assert begun == []
    assert not (tmp_path / "sweep").exists()


def test_a_sweep_needs_a_budget(program: Any) -> None:
    result = program("sweep")
    assert result.exit_code == 2
    assert "Missing option '--target-latency-ms'" in result.stderr


def test_a_sweep_is_begun_for_every_budget_on_every_device(begun: list[Run], program: Any, tmp_path: Path) -> None:
    assert program("sweep", "--run-dir", tmp_path / "sweep", "--device", "torch-cpu,batch=2", *BUDGETS).exit_code == 0
    settings = RunFolder(tmp_path / "sweep").read_settings()
    assert [(aim.device.name, aim.latency_ms) for aim in settings.aims] == [
        *(("torch-cpu", ms) for ms in (0.5, 2.0)),
        *(("torch-cpu,batch=2", ms) for ms in (0.5, 2.0)),
    ]
    assert settings.budget.latency_ms is None
    assert settings.preset.search.arch_interval == 1  # what a flag says
    assert begun[0].preset == settings.preset


def test_the_architecture_steps_of_a_sweep_are_rarer_unless_a_flag_says_how_rare(
    begun: list[Run], program: Any, tmp_path: Path
) -> None:
    asked = ["--run-dir", tmp_path / "a", "--target-latency-ms", ",".join(map(str, range(1, 21)))]
    few = ["--validation-share", "0.25", "--batch-size", "2", "--device", "torch-cpu", "--resolution", "8"]
    result = program("sweep", *asked, few=few)
    assert_refused(result, r"\(15 batches of 2 per architecture step\): give --search-arch-interval 3, or add")
    assert program("sweep", *asked, "--search-arch-interval", "3", few=few).exit_code == 0
    assert begun[0].preset.search.arch_interval == 3


def test_a_budget_that_no_net_is_within_is_told_with_its_device_before_anything_is_begun(
    begun: list[Run], program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = cifar_mbconv_space(classes=2, resolution=8, blocks_per_stage=1)
    tables = iter([uniform_table(space, 0.001), uniform_table(space, 1.0)])
    monkeypatch.setattr(table, "whole_cached_table", lambda info, space, cache: next(tables))
    result = program("sweep", "--run-dir", tmp_path / "sweep", "--device", "torch-cpu,batch=2", *BUDGETS)
    assert_refused(result, "torch-cpu,batch=2: no net of 'cifar-mbconv-1-1' takes at most 0.5 ms latency: the cheapest")
    assert begun == []
    assert not (tmp_path / "sweep").exists()


def test_the_folder_of_another_sweep_or_run_is_refused(begun: list[Run], program: Any, tmp_path: Path) -> None:
    path = tmp_path / "sweep"
    assert program("sweep", "--run-dir", path, *BUDGETS).exit_code == 0
    # Before the search other budgets are taken: those that there are may be what it was refused for.
    assert program("sweep", "--run-dir", path, "--target-latency-ms", "1,2").exit_code == 0
    leave_search(path, kind="sweep", missing=1)
    assert program("sweep", "--run-dir", path, "--target-latency-ms", "1,2").exit_code == 0
    message = (
        r"holds an unfinished run with other settings \(aims\): give the same ones to resume it, or another --run-dir"
    )
    assert_refused(program("sweep", "--run-dir", path, *BUDGETS), message)
    assert_refused(program("search", "--run-dir", path), r"with other settings \(aims\)")
    assert_refused(
        CliRunner().invoke(main, ["report", str(path)]),
        "is a sweep, with a run for each net: name one of torch-cpu-1ms, torch-cpu-2ms",
    )


def test_a_run_says_that_its_images_have_become_others(
    begun: list[Run], program: Any, tmp_path: Path, image_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"

    def said(*again: str) -> str:
        result = CliRunner().invoke(main, [*again]) if again else program("search", "--run-dir", path)
        assert result.exit_code == 0
        return " ".join((result.output + capfd.readouterr().out).split())

    assert "images are others" not in said() + said() + said("train", str(path))
    Image.new("RGB", (10, 12), "green").save(image_folder / "train" / "red" / "0.png")
    told = f"The images are others than those that {path} was started with, though as many"
    # What is begun again is from then on a run of the images that it found, so the one that is opened comes first.
    assert told in said("train", str(path))
    assert told in said()


def test_a_search_begins_with_a_finished_one_of_the_same_images_and_space_alone(
    begun: list[Run], program: Any, tmp_path: Path, image_folder: Path
) -> None:
    path, other = tmp_path / "first", tmp_path / "second"

    def refused(message: str, *arguments: object, verb: str = "search", **options: Any) -> None:
        assert_refused(program(verb, "--run-dir", other, *arguments, **options), message)
        assert not other.exists()

    refused("nothing holds no run: name a run's folder", "--from", tmp_path / "nothing")
    assert program("search", "--run-dir", path).exit_code == 0
    refused(f"--from {path} has not been searched yet: finish it with the command that began it", "--from", path)
    leave_search(path, missing=2)
    refused(f"--from {path} is in the middle of its search, 6 of 8 epochs: finish it with", "--from", path)
    leave_search(path)
    refused("--from-alpha has no effect without --from: add --from RUN", "--from-alpha", "run")
    refused("--from RUN sets the space already: leave out --design", "--from", path, "--design", few=FEW)
    refused("has a supernet of another space than 'cifar-mbconv-0.5", "--from", path, "--width-mult", "0.5")
    photo = image_folder / "train" / "red" / "0.png"
    content = photo.read_bytes()
    Image.new("RGB", (10, 12), "green").save(photo)
    refused(
        "was searched on other images, though as many as these: give its --data-dir, or leave out --from$",
        *("--from", path),
    )
    weights = ("--judge", "inherited", "--from", path)
    refused("was searched on other images, though as many", *weights, verb="explore")
    photo.write_bytes(content)
    assert program("search", "--run-dir", other, "--from", path).exit_code == 0
    shutil.rmtree(other)
    photo.unlink()
    refused(r"was searched on other images: 8 \+ 8, not 7 \+ 8: give its --data-dir", "--from", path)
    (image_folder / "train" / "red").rename(image_folder / "train" / "rot")
    (image_folder / "test" / "red").rename(image_folder / "test" / "rot")
    refused("have other classes than .*first: they are blue, rot; the run's are blue, red", "--from", path)


def test_a_search_that_begins_with_another_says_so_in_its_settings(
    begun: list[Run], program: Any, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert program("search", "--run-dir", first).exit_code == 0
    leave_search(first)
    assert program("run", "--run-dir", second, "--from", first, "--from-alpha", "run").exit_code == 0
    start = RunFolder(second).read_settings().start
    assert start is not None
    assert (start.run, start.alpha) == (str(first), True)
    assert begun[1].start == start
    assert begun[1].preset.search.warmup_epochs == 0
    RunFolder(second).search_checkpoint.touch()
    assert_refused(program("run", "--run-dir", second, "--from", first), r"with other settings \(start.alpha\)")
    assert_refused(program("run", "--run-dir", second), "with other settings")


def test_a_sweep_has_no_one_alpha_to_begin_with(begun: list[Run], program: Any, tmp_path: Path) -> None:
    path = tmp_path / "sweep"
    assert program("sweep", "--run-dir", path, *BUDGETS).exit_code == 0
    leave_search(path, kind="sweep")
    assert program("search", "--run-dir", tmp_path / "a", "--from", path).exit_code == 0
    result = program("search", "--run-dir", tmp_path / "b", "--from", path, "--from-alpha", "run")
    assert_refused(result, "is a sweep, with an alpha for each net: name one of the folders in it")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, (0, 4, 1)),
        ({"arch_interval": 5}, (0, 18, 5)),
        ({"epochs": 30}, (0, 30, 1)),
        ({"warmup_epochs": 2}, (2, 4, 1)),
    ],
)
def test_a_search_that_begins_with_another_has_as_many_architecture_steps_and_few_of_weights(
    flags: dict[str, int], expected: tuple[int, int, int], begun: list[Run], program: Any, tmp_path: Path
) -> None:
    """Eighteen epochs with an architecture step after every fifth weight step take as many of them as four of each."""
    assert program("search", "--run-dir", tmp_path / "run").exit_code == 0
    preset: Preset = begun[0].preset
    wanted: dict[str, Any] = {"warmup_epochs": 12, "epochs": 18, "arch_interval": 5} | flags
    search = evolve(preset.search, **wanted)
    given = {f"preset__search__{name}": value for name, value in flags.items()}
    found = started_preset(evolve(preset, search=search), given).search
    assert (found.warmup_epochs, found.epochs, found.arch_interval) == expected
