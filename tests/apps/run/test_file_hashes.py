"""The files of a run are known by their hashes, whenever a process was killed."""

from pathlib import Path

import pytest

from faults import full_disks, kills
from pnas_apps.ground.errors import UserError
from pnas_apps.run.file_hashes import FileHashes
from pnas_ops import FormatError, clear_leftovers


@pytest.fixture
def files(tmp_path: Path) -> FileHashes:
    files = FileHashes(tmp_path)
    files.write(tmp_path / "table.json", "old")
    return files


def test_a_file_that_has_changed_is_named(files: FileHashes, tmp_path: Path) -> None:
    path = tmp_path / "networks" / "fastest" / "weights"
    files.write(path, b"weights")
    files.check(path)
    assert files.changed() == []
    for damaged in (b"", b"weight", b"weighus", b"weights "):
        path.write_bytes(damaged)
        with pytest.raises(FormatError, match=r"fastest/weights has changed since it was written$"):
            files.check(path)
        assert files.changed() == [path]
    path.unlink()
    assert files.changed() == []


def test_a_file_of_which_nothing_is_known_is_taken_as_it_is(files: FileHashes, tmp_path: Path) -> None:
    (tmp_path / "older").write_text("by an earlier version")
    files.check(tmp_path / "older")
    assert files.was(tmp_path / "older", "anything") is None
    assert files.was(tmp_path / "table.json", "old") is True
    assert files.was(tmp_path / "table.json", "new") is False


def test_damaged_hashes_are_told_with_a_way_out_that_works(files: FileHashes, tmp_path: Path) -> None:
    (tmp_path / "files.json").write_text("{")
    with pytest.raises(UserError, match=r"files\.json: not JSON: .*: delete it, and .* are used unchecked"):
        files.check(tmp_path / "table.json")
    (tmp_path / "files.json").unlink()
    files.check(tmp_path / "table.json")


def test_a_kill_at_any_moment_leaves_a_file_that_is_known(files: FileHashes, tmp_path: Path) -> None:
    path, found = tmp_path / "table.json", []
    for _ in kills(lambda: files.write(path, "new")):
        files.check(path)
        found.append(path.read_text())
        clear_leftovers(tmp_path)
        assert {entry.name for entry in tmp_path.iterdir()} == {"files.json", "table.json"}
        files.write(path, "old")
    assert {"old", "new"} == {*found}
    files.write(path, "newer")
    files.check(path)
    path.write_text("old")  # of which nothing is kept any more
    with pytest.raises(FormatError, match="has changed"):
        files.check(path)


def test_a_full_disk_at_any_moment_leaves_the_old_file(files: FileHashes, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    for _ in full_disks(lambda: files.write(path, "new")):
        files.check(path)
        assert path.read_text() == "old"
        assert {entry.name for entry in tmp_path.iterdir()} == {"files.json", "table.json"}
    assert path.read_text() == "new"


def test_a_kill_before_the_first_file_leaves_nothing_that_is_half_there(tmp_path: Path) -> None:
    files, path = FileHashes(tmp_path), tmp_path / "landing.json"
    for _ in kills(lambda: files.write(path, "new")):
        if path.exists():
            files.check(path)
            path.unlink()
        assert not files.changed()
    files.check(path)
