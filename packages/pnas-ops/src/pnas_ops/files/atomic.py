"""Files that are either whole or not there."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FilePath = str | os.PathLike[str]
"""A path, as a text or as a `pathlib.Path`."""


def write_atomically(path: FilePath, content: bytes | str) -> None:
    """Writes a file so that a crash at any moment leaves the old content or the new, never a part."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = half_written(path)
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def staged_file(path: FilePath) -> Iterator[Path]:
    """A place to write to, of the same name, for what takes the name `path` when the `with` block ends.

    Nothing of it is left where the block ends with an error, and what was at `path` stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = half_written(path)
    remove(folder)  # of a process of the same number that is no more
    folder.mkdir()
    try:
        yield folder / path.name
        sync_file(folder / path.name)
        (folder / path.name).replace(path)
        sync_folder(path.parent)
    finally:
        remove(folder)


def sha256_of(path: FilePath) -> str:
    """The SHA-256 of what a file holds, in hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_file(path: Path) -> None:
    """Waits until what a file holds is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Waits until the names in a folder are on the disk, where its file system can."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def half_written(path: Path) -> Path:
    """Where this process writes what is to take the name `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def put_aside(path: Path) -> Path:
    """Where this process keeps what had the name `path` until its successor has it."""
    return path.with_name(f".{path.name}.{os.getpid()}.old")


def remove(path: Path) -> None:
    """A file, or a folder with all that is in it; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
