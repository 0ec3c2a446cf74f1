"""Files that are either complete or absent."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FilePath = str | os.PathLike[str]
"""A path, as a string or a `pathlib.Path`."""


def write_atomically(path: FilePath, content: bytes | str) -> None:
    """Writes a file such that a crash at any time leaves the old content or the new, never a part."""
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
    """A path of the same name to write to; what is there takes the name `path` when the `with` block ends.

    If the block ends with an error, nothing of it is left, and what was at `path` stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = half_written(path)
    remove(folder)  # of an earlier process with the same number
    folder.mkdir()
    try:
        yield folder / path.name
        sync_file(folder / path.name)
        (folder / path.name).replace(path)
        sync_folder(path.parent)
    finally:
        remove(folder)


def sha256_of(path: FilePath) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_file(path: Path) -> None:
    """Waits until a file's content is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Waits until the names in a folder are on the disk, if its file system supports that."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def half_written(path: Path) -> Path:
    """Where this process writes what will take the name `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def put_aside(path: Path) -> Path:
    """Where this process keeps what had the name `path` until its replacement has that name."""
    return path.with_name(f".{path.name}.{os.getpid()}.old")


def remove(path: Path) -> None:
    """Removes a file, or a folder with all its content, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
