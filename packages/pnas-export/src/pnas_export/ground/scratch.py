"""Folders for temporary files."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".pnas-scratch-"
"""The prefix of their names, which nothing else uses."""

_JUST_MADE_S = 60.0
"""Younger folders may be about to be locked."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder, removed after the `with` block; those left by killed programs are removed too.

    A program holds its folder by a lock of the operating system, which disappears with the program.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        _remove_left(left)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder, _held(Path(folder)):
        yield Path(folder)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove_left(folder: Path) -> None:
    # Not ours to remove: another user's, one that is locked, or one that another program has just removed.
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime > _JUST_MADE_S:
            with _held(folder):
                shutil.rmtree(folder)
