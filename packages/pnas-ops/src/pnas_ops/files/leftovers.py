"""Temporary files of processes that were killed while writing a file or a folder."""

import os
import re
from pathlib import Path

from pnas_ops.files.atomic import FilePath, remove

_HALF_WRITTEN = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)\.tmp")
_PUT_ASIDE = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)\.old")


def clear_leftovers(folder: FilePath, name: str | None = None) -> None:
    """Removes from a folder what processes of this machine were writing there when they were killed.

    A folder that one of them had put aside gets its name back unless its replacement is in place. What a live process
    is writing stays.

    Args:
        folder: where they wrote; it need not exist.
        name: of the file or the folder that they wrote; any if None.
    """
    for entry in sorted(Path(folder).iterdir()) if Path(folder).is_dir() else ():
        half, aside = _HALF_WRITTEN.fullmatch(entry.name), _PUT_ASIDE.fullmatch(entry.name)
        if half and name in (None, half["name"]) and not _is_alive(int(half["process"])):
            remove(entry)
        elif aside and name in (None, aside["name"]):
            recover(entry.with_name(aside["name"]))


def recover(path: FilePath) -> None:
    """Gives a folder its name back if a process was killed between putting it aside and naming its replacement.

    Otherwise does nothing. Call it before `path` is read.
    """
    path = Path(path)
    for entry in path.parent.glob(".*.old"):
        found = _PUT_ASIDE.fullmatch(entry.name)
        if not found or found["name"] != path.name or _is_alive(int(found["process"])):
            continue
        if path.exists():
            remove(entry)  # its replacement was complete before it took the name
        else:
            entry.rename(path)


def _is_alive(process: int) -> bool:
    # In a container, each start has the same process number.
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's process; not a process number
        return True
    return True
