"""Files are whole or not there."""

import os
from pathlib import Path

import pytest

from pnas_ops import write_atomically


def test_writes_text_and_bytes_into_new_folders(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "text", "grün")
    write_atomically(tmp_path / "bytes", b"\x00\xff")
    assert (tmp_path / "a" / "b" / "text").read_text(encoding="utf-8") == "grün"
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full_disk(*args: object) -> None:
        raise OSError("No space left on device")

    path = tmp_path / "file"
    write_atomically(path, "old")
    if step == "fsync":
        monkeypatch.setattr(os, "fsync", full_disk)
    else:
        monkeypatch.setattr(Path, "replace", full_disk)

    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_processes_may_write_one_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, fsync = tmp_path / "file", os.fsync

    def meanwhile(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        with monkeypatch.context() as other:
            other.setattr(os, "getpid", lambda: 1)
            write_atomically(path, "theirs")
        assert path.read_text() == "theirs"

    monkeypatch.setattr(os, "fsync", meanwhile)
    write_atomically(path, "ours")
    assert path.read_text() == "ours"
    assert list(tmp_path.iterdir()) == [path]
