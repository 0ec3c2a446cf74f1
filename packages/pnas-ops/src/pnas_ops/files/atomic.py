"""Files that are either whole or not there."""

import os
from pathlib import Path

FilePath = str | os.PathLike[str]
"""A path, as a text or as a `pathlib.Path`."""


def write_atomically(path: FilePath, content: bytes | str) -> None:
    """Writes a file so that a crash at any moment leaves the old content or the new, never a part."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
