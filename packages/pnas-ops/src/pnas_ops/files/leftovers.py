"""Temporary files that a process left when it was killed while it wrote a file or a folder."""

import os
import re
from pathlib import Path

from pnas_ops.files.atomic import FilePath, remove

_HALF_WRITTEN = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)\.tmp")
_PUT_ASIDE = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)\.old")


def clear_leftovers(folder: FilePath, name: str | None = None) -> None:
    """Removes from a folder what processes of this machine were writing there when they were killed.

    A folder that one of them had put aside, to give its name to another, gets it back where the other has not come.
    What a process writes that is alive stays.

    Args:
        folder: where they wrote; it need not be there.
        name: of the file or the folder that they wrote; any if None.
    """
    for entry in sorted(Path(folder).iterdir()) if Path(folder).is_dir() else ():
        half, aside = _HALF_WRITTEN.fullmatch(entry.name), _PUT_ASIDE.fullmatch(entry.name)
        if half and name in (None, half["name"]) and not _is_alive(int(half["process"])):
            remove(entry)
        elif aside and name in (None, aside["name"]):
            recover(entry.with_name(aside["name"]))


def recover(path: FilePath) -> None:
    """Gives a folder its name back where a process was killed between taking it away and giving it to a successor.

    Changes nothing where there is nothing to mend: to be called before `path` is read.
    """
    path = Path(path)
    for entry in path.parent.glob(".*.old"):
        found = _PUT_ASIDE.fullmatch(entry.name)
        if not found or found["name"] != path.name or _is_alive(int(found["process"])):
            continue
        if path.exists():
            remove(entry)  # its successor was whole before it came
        else:
            entry.rename(path)


def _is_alive(process: int) -> bool:
    # In a container each start has the same number.
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # of another user; no number of a process
        return True
    return True
