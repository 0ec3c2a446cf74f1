"""Checkpoints that are damaged or half written."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bits import bits
from pnas_supernet import CheckpointError, delete_checkpoint, has_checkpoint, load_checkpoint, save_checkpoint
from pnas_supernet.running import checkpoint

OLD, NEW, NEXT = ({"weight": torch.full((2, 3), float(value)), "step": value} for value in range(3))
NO_PROCESS = 2**31 - 1
DAMAGED = r"search\.pt is (no checkpoint of PNAS, or its beginning is damaged|damaged \(its checksum is wrong\))"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a checkpoint that was saved twice: OLD, then NEW."""
    return save_twice(tmp_path)


@pytest.fixture(scope="module")
def damaged_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, to be damaged again and again."""
    return save_twice(tmp_path_factory.mktemp("damaged"))


@pytest.fixture(scope="module")
def undamaged(damaged_path: Path) -> bytes:
    return damaged_path.read_bytes()


def save_twice(folder: Path) -> Path:
    path = folder / "search.pt"
    for state in (OLD, NEW):
        save_checkpoint(state, path, kind="search")
    return path


def load(path: Path) -> Any:
    return bits(load_checkpoint(path, kind="search"))


def test_tensors_and_plain_values_come_back_as_they_were(tmp_path: Path) -> None:
    state = {
        "tensors": [torch.randn(2, 3, dtype=torch.float64), torch.zeros(3, dtype=torch.uint8), torch.tensor(-0.0)],
        "values": (1, 2.5, "three", None, True, float("inf"), {4: "five"}),
    }
    save_checkpoint(state, tmp_path / "any.pt", kind="search")
    loaded = load_checkpoint(tmp_path / "any.pt", kind="search")
    assert loaded["values"] == state["values"]
    assert bits(loaded) == bits(state)


def test_the_checkpoint_before_the_last_is_kept_and_no_other_file(path: Path) -> None:
    assert sorted(file.name for file in path.parent.iterdir()) == ["search.previous.pt", "search.pt"]
    assert load(path) == bits(NEW)
    assert load(checkpoint.previous(path)) == bits(OLD)
    delete_checkpoint(path)
    assert not has_checkpoint(path)
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint .*search\.pt"):
        load(path)


@given(data=st.data())
def test_any_truncation_is_detected_and_the_previous_checkpoint_is_used(
    damaged_path: Path, undamaged: bytes, data: st.DataObject
) -> None:
    damaged_path.write_bytes(undamaged[: data.draw(st.integers(0, len(undamaged) - 1))])
    with pytest.warns(UserWarning, match=rf"{DAMAGED}: going on from the one before it, .*search\.previous\.pt"):
        assert load(damaged_path) == bits(OLD)


@given(data=st.data())
def test_any_flipped_bit_is_detected_and_the_previous_checkpoint_is_used(
    damaged_path: Path, undamaged: bytes, data: st.DataObject
) -> None:
    byte, bit = data.draw(st.integers(0, len(undamaged) - 1)), data.draw(st.integers(0, 7))
    flipped = bytes([undamaged[byte] ^ 1 << bit])
    damaged_path.write_bytes(undamaged[:byte] + flipped + undamaged[byte + 1 :])
    with pytest.warns(UserWarning, match=rf"{DAMAGED}: going on from the one before it, .*search\.previous\.pt"):
        assert load(damaged_path) == bits(OLD)


@pytest.fixture
def alike(tmp_path: Path) -> tuple[Path, Path]:
    """Two checkpoints whose weights are in common."""
    paths = tmp_path / "one" / "search.pt", tmp_path / "other" / "search.pt"
    for path in paths:
        path.parent.mkdir()
    own = [{"network": {"alpha": torch.tensor(float(index))}, "step": index} for index in range(2)]
    checkpoint.save_checkpoints(own, paths, common={"network": NEW}, kind="search")
    return paths


def whole(index: int) -> Any:
    return bits({"network": {**NEW, "alpha": torch.tensor(float(index))}, "step": index})


def test_what_checkpoints_have_in_common_is_on_the_disk_once_and_each_is_whole(alike: tuple[Path, Path]) -> None:
    one, other = alike
    assert checkpoint.common_part(one).samefile(checkpoint.common_part(other))
    assert [load(path) for path in alike] == [whole(0), whole(1)]
    delete_checkpoint(one)
    assert not [*one.parent.iterdir()]
    assert load(other) == whole(1)
    save_checkpoint(NEXT, other, kind="search")
    assert load(other) == bits(NEXT)
    flip_last_bit(other)
    with pytest.warns(UserWarning, match=r"search\.pt is damaged .*: going on from the one before it"):
        assert load(other) == whole(1)


def test_what_checkpoints_have_in_common_is_copied_where_a_file_has_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: Path, target: Path) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    paths = [tmp_path / name / "search.pt" for name in ("one", "other")]
    checkpoint.save_checkpoints([{"step": 1}, {"step": 2}], paths, common={"weights": OLD}, kind="search")
    assert [load(path) for path in paths] == [bits({"weights": OLD, "step": step}) for step in (1, 2)]


@pytest.mark.parametrize("damage", [Path.unlink, lambda common: flip_last_bit(common), lambda common: common.touch()])
def test_a_common_part_that_is_gone_or_damaged_or_of_another_is_named(
    alike: tuple[Path, Path], damage: Callable[[Path], None]
) -> None:
    _, other = alike
    common = checkpoint.common_part(other)
    raw = common.read_bytes()
    common.unlink()
    common.write_bytes(raw)  # a file of its own
    damage(common)
    if common.exists() and common.read_bytes() == raw:
        save_checkpoint(OLD, common, kind="search, in part")
    lacks = (
        r"search\.pt lacks .*/search\.common\.pt, which is gone or damaged: delete .*/search\.pt, and the "
        r"search\.pt of all other nets of its sweep, which share that file, then give the command that began it$"
    )
    with pytest.raises(CheckpointError, match=lacks):
        load(other)


def flip_last_bit(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))


def test_two_damaged_checkpoints_are_both_named(path: Path) -> None:
    flip_last_bit(path)
    checkpoint.previous(path).write_bytes(b"")
    both = (
        r"search\.pt is damaged \(.*\); .*search\.previous\.pt is no checkpoint.*: "
        r"delete .*search\.pt and .*search\.previous\.pt, then give the command that began it$"
    )
    with pytest.raises(CheckpointError, match=both):
        load(path)


def test_a_damaged_checkpoint_never_takes_the_place_of_the_previous_one(path: Path) -> None:
    flip_last_bit(path)
    save_checkpoint(NEXT, path, kind="search")
    assert load(path) == bits(NEXT)
    assert load(checkpoint.previous(path)) == bits(OLD)


@pytest.mark.parametrize("renames", [0, 1, 2], ids=["written", "complete", "between the two names"])
def test_a_kill_before_any_rename_costs_only_what_was_not_saved(
    path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    class Killed(BaseException):
        pass

    done: list[Path] = []
    replace = Path.replace

    def replace_until_killed(source: Path, target: Path) -> None:
        if len(done) == renames:
            raise Killed
        done.append(replace(source, target))

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Path, "replace", replace_until_killed)
        save_checkpoint(NEXT, path, kind="search")
    assert path.exists() == (renames < 2)
    assert load(path) == bits(NEW)
    save_checkpoint(NEXT, path, kind="search")
    assert load(path) == bits(NEXT)
    assert load(checkpoint.previous(path)) == bits(NEW)


def test_a_full_disk_leaves_the_checkpoints_as_they_were(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left on device"):
        save_checkpoint(NEXT, path, kind="search")
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before


def test_what_killed_writers_left_is_removed_by_the_next_save(path: Path) -> None:
    leftovers = [path.parent / f".search.next.pt.{pid}.tmp" for pid in (NO_PROCESS, NO_PROCESS - 1)]
    of_another = path.parent / f".other.next.pt.{NO_PROCESS}.tmp"
    of_a_living = path.parent / f".search.next.pt.{os.getppid()}.tmp"
    for file in (*leftovers, of_another, of_a_living, path.parent / "search.next.pt"):
        file.write_bytes(b"half a checkpoint")
    save_checkpoint(NEXT, path, kind="search")
    assert set(path.parent.iterdir()) == {path, checkpoint.previous(path), of_another, of_a_living}


def test_the_previous_checkpoint_is_enough_to_go_on_from(path: Path) -> None:
    """As a kill between the two renames leaves it."""
    path.unlink()
    assert has_checkpoint(path)
    assert load(path) == bits(OLD)
    delete_checkpoint(path)
    assert list(path.parent.iterdir()) == []


def test_no_states_are_no_checkpoints(tmp_path: Path) -> None:
    checkpoint.save_checkpoints([], [], common={}, kind="search")
    assert not [*tmp_path.iterdir()]
