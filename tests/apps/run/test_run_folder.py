"""Which run a folder may hold."""

import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import evolve

from faults import kills
from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.errors import UserError
from pnas_apps.run import lock
from pnas_apps.run.folder import LOCK_NAME
from pnas_apps.run.lock import FolderInUseError, held_folder, held_unfinished_folder
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.settings import RunSettings
from pnas_cifar10.cli import PRESETS
from pnas_latency import Budget
from pnas_ops import digits_mbconv_space
from pnas_supernet import save_checkpoint

NO_PROCESS = 2**31 - 1


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
    with pytest.raises(UserError, match=r"already holds a finished run: read .*report\.txt, or give another"):
        folder.begin(settings)
    foreign = RunFolder(tmp_path / "photos")
    foreign.path.mkdir()
    (foreign.path / "holiday.jpg").touch()
    with pytest.raises(UserError, match="holds something that is not a run"):
        foreign.begin(settings)


def test_damaged_settings_are_written_anew_by_the_command_that_wrote_them(
    tmp_path: Path, settings: RunSettings
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(settings)
    whole = folder.settings.read_bytes()
    for damaged in (whole.replace(b'"seed": 0', b'"seed": 1'), b"", b"{", whole[:100]):
        folder.settings.write_bytes(damaged)
        changed = r"settings\.json has changed since it was written: give the command that started the run"
        with pytest.raises(UserError, match=changed):
            folder.read_settings()
        with pytest.raises(UserError, match=changed):
            folder.begin(evolve(settings, seed=2))
        assert folder.begin(settings)
        assert folder.settings.read_bytes() == whole


def test_damaged_settings_of_which_nothing_is_known_are_refused(tmp_path: Path, settings: RunSettings) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(settings)
    (folder.path / "files.json").unlink()
    folder.settings.write_text("{")
    with pytest.raises(UserError, match=r"settings\.json: not JSON.*: name another folder, or delete this one"):
        folder.begin(settings)


def test_a_finished_run_of_which_something_is_damaged_may_be_mended(tmp_path: Path, settings: RunSettings) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(settings)
    for path in (folder.landing, folder.report, folder.results):
        folder.files.write(path, "as it was written")
    folder.report.write_text("with a note of mine")
    with pytest.raises(UserError, match="already holds a finished run"):
        folder.refuse_finished()
    folder.landing.write_text("damaged")
    assert folder.damages() == [folder.landing]
    folder.refuse_finished()


def test_a_kill_at_the_very_beginning_blocks_no_other_settings(tmp_path: Path, settings: RunSettings) -> None:
    folder = RunFolder(tmp_path / "run")
    for _ in kills(lambda: folder.begin(settings)):
        if not folder.settings.exists():
            folder.begin(evolve(settings, seed=1))
        shutil.rmtree(folder.path, ignore_errors=True)
    assert folder.read_settings() == settings


def test_what_killed_processes_left_is_removed(tmp_path: Path, settings: RunSettings) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(settings)
    before = set(folder.path.rglob("*"))
    for name in (".bundle.a1b2c3d4", f".bundle.{NO_PROCESS}.tmp", f"networks/fastest/.model.tflite.{NO_PROCESS}.tmp"):
        (folder.path / name).mkdir(parents=True)
    (folder.path / f".table.json.{NO_PROCESS}.tmp").touch()
    folder.clear_leftovers()
    assert set(folder.path.rglob("*")) - before == {folder.path / "networks", folder.path / "networks" / "fastest"}


def free_folder(parent: Path, settings: RunSettings) -> Path:
    with held_unfinished_folder(parent, "demo", settings, RunFolder) as folder:
        return folder.path


def test_without_a_folder_a_run_goes_on_or_gets_the_next_number(tmp_path: Path, settings: RunSettings) -> None:
    with held_unfinished_folder(tmp_path, "demo", settings, RunFolder) as first:
        first.begin(settings)
    assert free_folder(tmp_path, settings) == first.path
    first.results.write_text("{}")
    with held_unfinished_folder(tmp_path, "demo", settings, RunFolder) as second:
        assert second.path == tmp_path / "demo-2"
        second.begin(evolve(settings, seed=1))
    assert free_folder(tmp_path, settings) == tmp_path / "demo-3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "demo-2"]


def test_two_at_once_get_a_folder_each(tmp_path: Path, settings: RunSettings) -> None:
    with held_unfinished_folder(tmp_path, "demo", settings, RunFolder) as first:
        assert free_folder(tmp_path, settings) == tmp_path / "demo-2"  # nothing is in the first yet
        first.begin(settings)
        assert free_folder(tmp_path, settings) == tmp_path / "demo-2"
    assert free_folder(tmp_path, settings) == first.path


def test_a_folder_that_another_has_begun_meanwhile_is_left_to_it(
    tmp_path: Path, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = evolve(settings, seed=1)

    @contextmanager
    def held_by_another_first(path: Path) -> Iterator[None]:
        if path.name == "demo":
            RunFolder(path).begin(other)
        with held_folder(path):
            yield

    monkeypatch.setattr(lock, "held_folder", held_by_another_first)
    assert free_folder(tmp_path, settings) == tmp_path / "demo-2"


def test_a_folder_is_held_by_one_program_which_the_others_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    who = rf"process {os.getpid()} on {re.escape(socket.gethostname())}"
    with held_folder(folder):
        for _ in range(2):
            with (
                pytest.raises(FolderInUseError, match=rf"^{re.escape(str(folder))} is in use by {who}: wait "),
                held_folder(folder),
            ):
                pass
    assert not folder.parent.exists()  # nothing came into it
    with held_folder(folder):
        (folder / "settings.json").touch()
    assert [path.name for path in folder.iterdir()] == ["settings.json"]


@pytest.mark.parametrize(("place", "moment"), [(lock.FileLock, "acquire"), (Path, "write_text")])
def test_a_signal_at_any_moment_leaves_no_empty_folder(
    place: type, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(place, moment, interrupted)
    with pytest.raises(KeyboardInterrupt), held_folder(tmp_path / "runs" / "run"):
        pass
    assert not [*tmp_path.iterdir()]


def test_a_lock_of_which_the_text_is_damaged_holds_up_nobody(tmp_path: Path) -> None:
    (tmp_path / lock.LOCK_NAME).write_bytes(b"\xff\xfe")
    with held_folder(tmp_path):
        assert (tmp_path / lock.LOCK_NAME).read_text().startswith("process ")


def test_what_a_killed_program_left_in_a_folder_holds_up_nobody(tmp_path: Path, settings: RunSettings) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    (folder.path / LOCK_NAME).write_text("process 1 on this host")
    (folder.path / f".settings.json.{NO_PROCESS}.tmp").write_text("{")
    with held_folder(folder.path):
        assert not folder.begin(settings)
    assert sorted(path.name for path in folder.path.iterdir()) == ["files.json", "settings.json"]


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"file/run cannot be written \(Not a directory\): "),
        held_folder(tmp_path / "file" / "run"),
    ):
        pass


@pytest.mark.parametrize("searched", [False, True])
def test_until_a_search_has_begun_a_run_takes_other_limits(
    searched: bool, tmp_path: Path, settings: RunSettings
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(evolve(settings, budget=Budget(latency_ms=1e-6)))
    objective = evolve(settings.preset.objective, log_unit_ms=0.5)
    corrected = evolve(settings, budget=Budget(macs=1e6), preset=evolve(settings.preset, objective=objective))
    if searched:
        save_checkpoint({}, folder.search_checkpoint, kind="search")
        with pytest.raises(UserError, match=r"\(preset\.objective\.log_unit_ms, budget\.latency_ms, budget\.macs\)"):
            folder.begin(corrected)
        return
    assert folder.begin(corrected)
    assert folder.read_settings() == corrected
    with pytest.raises(UserError, match=r"with other settings \(seed\)"):
        folder.begin(evolve(corrected, seed=1))


def test_seconds_add_up_over_sessions(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.add_seconds("search", 2.0)
    folder.add_seconds("search", 3.0)
    folder.add_seconds("train", 1.0)
    assert folder.read_seconds() == {"search": 5.0, "train": 1.0}


@pytest.mark.parametrize(
    "damaged",
    ["junk", "[]", '{"search": "long"}', "", '{"search": NaN}', '{"search": -1.0}', '{"search": [1]}', '{"a": true}'],
)
def test_a_run_with_damaged_times_goes_on(damaged: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.seconds.write_text(damaged)  # by an earlier version, of which no hash is known
    assert folder.read_seconds() == {}
    folder.add_seconds("search", 2.5)
    assert folder.read_seconds() == {"search": 2.5}
    folder.seconds.write_text('{"search": 9.5}')
    assert folder.read_seconds() == {}
