"""A run knows its classes, and images of others are refused with both lists."""

import shutil
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner

from command_line import assert_refused
from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.classes import check_classes, class_difference
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.task import Task
from pnas_cifar10.cli import PRESETS, main
from pnas_cifar10.tasks import images_task
from pnas_ops import save_json

SAMPLE = Path(__file__).parents[2] / "samples" / "finished-run"


@pytest.fixture
def task(image_folder: Path, reporter: Reporter) -> Task:
    preset = structure_preset(read_preset("cpu", PRESETS), "cpu", ImagePreset)
    return images_task(image_folder, False, preset, None, reporter)


@pytest.fixture
def settings(task: Task) -> RunSettings:
    preset = structure_preset(read_preset("cpu", PRESETS), "cpu", ImagePreset)
    return RunSettings(
        task=task.name,
        seed=0,
        preset=preset,
        space=task.space,
        train_images=8,
        test_images=8,
        classes=("blue", "red"),
        data_dir=str(task.data_dir),
    )


def test_other_names_and_another_order_are_refused_with_both_lists(
    task: Task, settings: RunSettings, tmp_path: Path
) -> None:
    check_classes(task, settings, tmp_path)
    for classes in (("red", "blue"), ("blue", "crimson"), ("blue", "red", "green")):
        listed = ", ".join(classes)
        with pytest.raises(UserError, match=rf"other classes than .*: they are blue, red; the run's are {listed}:"):
            check_classes(task, evolve(settings, classes=classes), tmp_path)


def test_of_long_lists_what_differs_is_told() -> None:
    many = [f"n{number:03}" for number in range(200)]
    swapped = [*many[:7], many[8], many[7], *many[9:]]
    assert class_difference(swapped, many) == "their order differs: number 7 is n008, not n007"
    assert class_difference([*many[:-1], "x"], many) == "they have x, unknown to the run, and lack n199"
    assert class_difference(many[:150], many).endswith("and lack " + ", ".join(many[150:162]) + ", 38 more")


@pytest.mark.parametrize("verb", [["eval"], ["export", "--format", "onnx"], ["train"], ["report"]])
def test_a_run_whose_class_folders_were_renamed_is_refused_by_every_command(
    settings: RunSettings, image_folder: Path, tmp_path: Path, verb: list[str]
) -> None:
    save_json(settings, tmp_path / "run" / "settings.json")
    for part in ("train", "test"):
        (image_folder / part / "blue").rename(image_folder / part / "violet")
    assert_refused(
        CliRunner().invoke(main, [verb[0], str(tmp_path / "run"), *verb[1:]]),
        r"they are red, violet; the run's are blue, red: rename their folders back, or name the right --data-dir$",
    )


def test_a_run_that_was_begun_with_other_classes_is_not_gone_on_with(
    settings: RunSettings, image_folder: Path, tmp_path: Path
) -> None:
    save_json(evolve(settings, classes=("blue", "crimson")), tmp_path / "run" / "settings.json")
    given = ["run", "--data-dir", image_folder, "--run-dir", tmp_path / "run", "--cache-dir", tmp_path / "cache"]
    assert_refused(CliRunner().invoke(main, list(map(str, given))), "are blue, red; the run's are blue, crimson")


def test_a_run_of_an_earlier_version_knows_its_classes_by_its_labels(tmp_path: Path) -> None:
    assert RunFolder(SAMPLE).read_settings().classes == tuple("0123456789")
    shutil.copy(SAMPLE / "settings.json", tmp_path)
    assert RunFolder(tmp_path).read_settings().classes == ()


def test_the_digits_of_another_version_are_no_images_of_the_run(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "run")
    assert_refused(
        CliRunner().invoke(main, ["eval", str(tmp_path / "run")]),
        r"the demo's images are not those of .*run: 718 \+ 1079 images of 10 classes, not 1437 \+ 360 of 10: "
        "start another run, or use the version that started this one$",
    )
