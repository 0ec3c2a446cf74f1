"""A run's folder belongs to one program at a time."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from pnas_apps.ground.errors import UserError
from pnas_apps.run.folder import LOCK_NAME, KeptRun, Settings

Folder = TypeVar("Folder", bound=KeptRun[Any])


class FolderInUseError(UserError):
    """Another program works in the folder."""


@contextmanager
def held_folder(path: Path) -> Iterator[None]:
    """Holds a folder for this program, which the system lets go of when the program ends, however it does.

    The folder is made where it is not there, and removed again after the `with` block where nothing came into it.

    Raises:
        FolderInUseError: naming the folder, and the process that holds it.
        UserError: for a folder that cannot be made, or written into.
    """
    made = [one for one in (path, *path.parents) if not one.exists()]
    file = path / LOCK_NAME
    lock = FileLock(file)
    try:  # from here on, for a signal may come at any moment
        _hold(path, file, lock)
        yield
    finally:
        if lock.is_locked:
            file.unlink(missing_ok=True)
            lock.release()
        _remove_empty(made)


def _hold(path: Path, file: Path, lock: FileLock) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        holder = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        lock.acquire(blocking=False)
        file.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
    except Timeout:
        raise FolderInUseError(
            f"{path} is in use by {holder or 'another program'}: wait until it ends, or use another folder"
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}): free some space or permit access, or give another --run-dir"
        ) from None


@contextmanager
def held_unfinished_folder(
    parent: Path, name: str, settings: Settings, folder_at: Callable[[Path], Folder]
) -> Iterator[Folder]:
    """Holds the folder for a run that was given none: an unfinished one that can go on so, or else a new one.

    Tries `parent/name`, `parent/name-2`, `parent/name-3` and so on; leaves out those that another program holds.
    """
    for number in count(1):
        folder = folder_at(parent / (name if number == 1 else f"{name}-{number}"))
        if not folder.takes(settings):
            continue
        with ExitStack() as stack:
            try:
                stack.enter_context(held_folder(folder.path))
            except FolderInUseError:
                continue
            if folder.takes(settings):  # nobody has begun another meanwhile
                yield folder
                return


def _remove_empty(folders: list[Path]) -> None:
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
