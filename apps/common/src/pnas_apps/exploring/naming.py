"""Names of runs that work on the same study."""

import socket
from pathlib import Path
from uuid import uuid4

from pnas_apps.run.run_folder import RunFolder


def explorer_name(folder: RunFolder) -> str:
    """A name that a run keeps as long as its folder stays on its machine, and that no other run has."""
    path = _path(folder)
    if not path.exists():
        folder.files.write(path, uuid4().hex)
    return _name(path)


def known_explorer_name(folder: RunFolder) -> str | None:
    """The name that a run has; None before it has one."""
    path = _path(folder)
    return _name(path) if path.exists() else None


def worker_name(explorer: str, number: int) -> str:
    """The name of one of a run's workers, which are counted from 1."""
    return f"{explorer}/{number}"


def _path(folder: RunFolder) -> Path:
    return folder.path / "explorer.txt"


def _name(path: Path) -> str:
    return f"{socket.gethostname()}/{path.read_text(encoding='utf-8').strip()}"
