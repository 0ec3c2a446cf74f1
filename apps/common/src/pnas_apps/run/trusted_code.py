"""Python files that a user has named here: no other one is run because something in a folder asks for it."""

from pathlib import Path

from pnas_apps.ground.cache import Cache
from pnas_ops import sha256_of, write_atomically


def trust(path: Path, cache: Cache) -> None:
    """Remembers that the user has named a file with this content."""
    mark = _mark(path, cache)
    mark.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(mark, "")


def is_trusted(path: Path, cache: Cache) -> bool:
    """Whether a file of that very content was named here before."""
    return _mark(path, cache).exists()


def _mark(path: Path, cache: Cache) -> Path:
    return cache.operations / sha256_of(path)
