"""Which run a folder may hold."""

from pathlib import Path

import pytest
from attrs import evolve

from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.errors import UserError
from pnas_apps.run.folder import RunFolder, unfinished_folder
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.settings import RunSettings
from pnas_cifar10.cli import PRESETS
from pnas_ops import digits_mbconv_space


@pytest.fixture
def settings() -> RunSettings:
    preset = structure_preset(read_preset("digits", PRESETS), "digits", ImagePreset)
    return RunSettings(task="digits", seed=0, preset=preset, space=digits_mbconv_space(), train_images=3, test_images=2)


def test_an_unfinished_run_goes_on_with_the_same_settings_only(tmp_path: Path, settings: RunSettings) -> None:
    folder = RunFolder(tmp_path / "run")
    assert not folder.begin(settings)
    assert folder.begin(settings)
    other = evolve(settings, seed=1, preset=evolve(settings.preset, train=evolve(settings.preset.train, lr=0.5)))
    with pytest.raises(UserError, match=r"unfinished run with other settings \(seed, preset\.train\.lr\)"):
        folder.begin(other)


def test_a_finished_run_and_a_foreign_folder_are_left_alone(tmp_path: Path, settings: RunSettings) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(settings)
    folder.results.write_text("{}")
    with pytest.raises(UserError, match="already holds a finished run: give another --run-dir, or delete it"):
        folder.begin(settings)
    foreign = RunFolder(tmp_path / "photos")
    foreign.path.mkdir()
    (foreign.path / "holiday.jpg").touch()
    with pytest.raises(UserError, match="holds something that is not a run"):
        foreign.begin(settings)
    damaged = RunFolder(tmp_path / "damaged")
    damaged.begin(settings)
    damaged.settings.write_text("{")
    with pytest.raises(UserError, match=r"settings\.json: not JSON"):
        damaged.begin(settings)


def test_without_a_folder_a_run_goes_on_or_gets_the_next_number(tmp_path: Path, settings: RunSettings) -> None:
    first = unfinished_folder(tmp_path, "demo", settings)
    first.begin(settings)
    assert unfinished_folder(tmp_path, "demo", settings).path == first.path
    first.results.write_text("{}")
    second = unfinished_folder(tmp_path, "demo", settings)
    assert second.path == tmp_path / "demo-2"
    second.begin(evolve(settings, seed=1))
    assert unfinished_folder(tmp_path, "demo", settings).path == tmp_path / "demo-3"


def test_seconds_add_up_over_sessions(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.add_seconds("search", 2.0)
    folder.add_seconds("search", 3.0)
    folder.add_seconds("train", 1.0)
    assert folder.read_seconds() == {"search": 5.0, "train": 1.0}


@pytest.mark.parametrize("damaged", ["junk", "[]", '{"search": "long"}', ""])
def test_a_run_with_damaged_times_goes_on(damaged: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.seconds.write_text(damaged)
    assert folder.read_seconds() == {}
    folder.add_seconds("search", 2.5)
    assert folder.read_seconds() == {"search": 2.5}
