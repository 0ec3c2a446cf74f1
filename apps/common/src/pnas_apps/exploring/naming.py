"""Names of runs that work on the same study."""

import socket
from pathlib import Path
from uuid import uuid4

from pnas_apps.run.run_folder import RunFolder


def explorer_name(folder: RunFolder) -> str:
    """A name that a run keeps as long as its folder stays on its machine, and that no other run has."""
    path = folder.path / "explorer.txt"
    if not path.exists():
        folder.files.write(path, uuid4().hex)
    return f"{socket.gethostname()}/{_read(path)}"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
