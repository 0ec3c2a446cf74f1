"""The hashes of a run's files: what was written is known from what has changed since."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from attrs import field, frozen

from pnas_apps.ground.errors import UserError
from pnas_ops import FormatError, PnasError, load_json, save_json, sha256_of, staged_file, to_json, write_atomically

Kept = TypeVar("Kept")

_KEPT = 2
"""Hashes of a file: of what it is to hold, and of what it holds until then."""


@frozen(kw_only=True)
class KnownFiles:
    """The SHA-256 of each file of a run by its path in the run's folder: of what it holds, or of two where a kill may
    have come before the last was in its place.
    """

    sha256: dict[str, tuple[str, ...]] = field(factory=dict)


class FileHashes:
    """The hashes in `files.json` of a run's folder.

    A file's hash is written before the file takes its name, so that a kill at any moment leaves one that is known. A
    file of which no hash is known, as an earlier version wrote it, is taken as it is. Where the hashes themselves are
    damaged, everything here raises a UserError.

    Args:
        folder: of the run.

    Attributes:
        path: of the hashes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / "files.json"

    @contextmanager
    def writing(self, path: Path) -> Iterator[Path]:
        """A place to write to, of the same name, for what takes the name `path` when the `with` block ends."""
        with staged_file(path) as staged:
            yield staged
            known = self._known()
            name, digest = self._name(path), sha256_of(staged)
            before = [one for one in known.get(name, ()) if one != digest]
            known[name] = (digest, *before[: _KEPT - 1])
            save_json(KnownFiles(sha256=dict(sorted(known.items()))), self.path)

    def write(self, path: Path, content: bytes | str) -> None:
        """`pnas_ops.write_atomically`, with the hash."""
        with self.writing(path) as staged:
            write_atomically(staged, content)

    def save(self, value: Any, path: Path) -> None:
        """`pnas_ops.save_json`, with the hash."""
        self.write(path, to_json(value))

    def check(self, path: Path) -> None:
        """Compares a file with its hash.

        Raises:
            FormatError: for one that has changed.
            FileNotFoundError: for one that is not there.
        """
        known = self._known().get(self._name(path))
        if known is not None and sha256_of(path) not in known:
            raise FormatError(f"{path} has changed since it was written")

    def kept(self, path: Path, read: Callable[[Path], Kept], tell: Callable[[str], None]) -> Kept | None:
        """The kept result of a step; None where it has to be made, because it is missing or (with a line) damaged.

        Args:
            path: a file of the run.
            read: raises a `PnasError` for a damaged one.
            tell: is given a line.
        """
        if not path.exists():
            return None
        try:
            self.check(path)
            return read(path)
        except PnasError as error:
            tell(f"  {error.what}: it is written again")
            return None

    def has_changed(self, path: Path) -> bool:
        """Whether a file that is there is not what was written."""
        try:
            self.check(path)
        except FormatError:
            return True
        return False

    def changed(self) -> list[Path]:
        """The files that are there and have changed."""
        found = {self._folder / name: known for name, known in self._known().items()}
        return [path for path, known in found.items() if path.is_file() and sha256_of(path) not in known]

    def was(self, path: Path, content: str) -> bool | None:
        """Whether this was written to a file last, which may have changed since; None where nothing is known of it."""
        known = self._known().get(self._name(path))
        return None if known is None else sha256(content.encode()).hexdigest() == known[0]

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _known(self) -> dict[str, tuple[str, ...]]:
        if not self.path.exists():
            return {}
        try:
            return dict(load_json(self.path, KnownFiles).sha256)
        except FormatError as error:
            # No `FormatError`: what is damaged is not the file that someone asked about.
            raise UserError(f"{error.what}: delete it, and the run's files are used unchecked") from None
