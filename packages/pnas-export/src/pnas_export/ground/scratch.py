"""Folders for files that nobody needs afterwards."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".pnas-scratch-"
"""Of their names, which nobody gives to anything else."""

_JUST_MADE_S = 60.0
"""What is younger may be about to be held."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder, removed after the `with` block; those that killed programs left are removed, too.

    A program holds its own with a lock of the system's, which is gone when the program is.
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
    # Someone else's, one that another program has removed meanwhile, one that is held: not ours to remove.
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime > _JUST_MADE_S:
            with _held(folder):
                shutil.rmtree(folder)
