"""A folder is whole, or as it was, whatever happens."""

import os
import shutil
from pathlib import Path

import pytest

from faults import full_disks, kills
from pnas_ops import PnasError, clear_leftovers, recover, replaced_folder

NO_PROCESS = 2**31 - 1
OWN = {"net", "labels"}


def write(folder: Path, **contents: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(content)


def read(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder with two files of its own, and two that someone has put beside them."""
    return fill(tmp_path / "bundle")


def fill(path: Path) -> Path:
    write(path, net="old net", labels="old labels", notes="mine")
    write(path / "photos", cat="a cat")
    return path


OLD = {"net": "old net", "labels": "old labels", "notes": "mine", "photos/cat": "a cat"}
NEW = {"net": "new net", "notes": "mine", "photos/cat": "a cat"}


def replace(path: Path) -> None:
    with replaced_folder(path, own=OWN) as staged:
        write(staged, net="new net")


def test_a_folder_takes_the_place_of_another_and_what_others_put_there_stays(path: Path) -> None:
    path.chmod(0o711)
    replace(path)
    assert read(path) == NEW
    assert path.stat().st_mode & 0o777 == 0o711
    assert list(path.parent.iterdir()) == [path]


def test_a_file_of_someone_else_with_a_name_that_is_needed_is_kept_under_another(tmp_path: Path) -> None:
    write(tmp_path / "bundle", net="mine")
    for _ in range(2):
        with replaced_folder(tmp_path / "bundle") as staged:
            write(staged, net="new net")
    assert read(tmp_path / "bundle") == {"net": "new net", "net.yours": "mine", "net.yours.yours": "new net"}


def test_a_link_leads_to_the_folder_that_is_replaced(path: Path) -> None:
    link = path.parent / "link"
    link.symlink_to(path)
    replace(link)
    assert link.is_symlink()
    assert read(path) == NEW


def test_what_cannot_be_replaced_is_refused_before_anything_is_done(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotADirectoryError, match="notes"), replaced_folder(path / "notes"):
        pytest.fail("entered")
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    with pytest.raises(PnasError, match=r"bundle is a mount point.*: name a folder in it"), replaced_folder(path):
        pytest.fail("entered")
    assert read(path) == OLD


def test_a_full_disk_at_any_moment_leaves_the_old_folder_and_nothing_else(path: Path) -> None:
    moments = 0
    for moments in full_disks(lambda: replace(path)):  # noqa: B007
        recover(path)  # where not even a name can be given back
        assert read(path) == OLD
        assert list(path.parent.iterdir()) == [path]
    assert moments >= 5  # a folder to make, two to sync, two links, two names
    assert read(path) == NEW


def test_a_kill_at_any_moment_leaves_the_old_folder_or_the_new_and_its_rest_is_removed(path: Path) -> None:
    found = []
    for _ in kills(lambda: replace(path)):
        recover(path)
        found.append(read(path))
        assert found[-1] in (OLD, NEW)
        clear_leftovers(path.parent)
        assert list(path.parent.iterdir()) == [path]
        shutil.rmtree(path)
        fill(path)
    assert NEW in found
    assert found.count(OLD) >= 5


def test_between_its_two_names_a_folder_is_found_again(path: Path) -> None:
    path.rename(path.with_name(f".bundle.{NO_PROCESS}.old"))
    recover(path)
    assert read(path) == OLD
    assert list(path.parent.iterdir()) == [path]


def test_what_a_living_process_writes_is_left_alone(path: Path) -> None:
    parent = os.getppid()
    living = {path.with_name(f".bundle.{parent}.tmp"), path.with_name(f".other.{parent}.old"), path.with_name(".env")}
    dead = [path.with_name(f".{name}.{NO_PROCESS}.tmp") for name in ("bundle", "table.json")]
    for folder in living:
        write(folder, net="theirs")
    write(dead[0], net="half")
    dead[1].write_text("half")
    clear_leftovers(path.parent, "nothing")
    assert set(path.parent.iterdir()) == {path, *living, *dead}
    clear_leftovers(path.parent, "bundle")
    assert set(path.parent.iterdir()) == {path, *living, dead[1]}
    clear_leftovers(path.parent)
    assert set(path.parent.iterdir()) == {path, *living}
