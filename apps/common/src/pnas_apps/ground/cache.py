"""Where the programs keep what can be made again."""

from pathlib import Path
from tempfile import TemporaryFile

from attrs import frozen
from platformdirs import user_cache_path

from pnas_apps.ground.errors import UserError


@frozen
class Cache:
    """A folder that may be deleted at any time.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def conversions(self) -> Path:
        """Converted nets and blocks, by their content, and unfinished measurements."""
        return self.path / "conversions"

    @property
    def tables(self) -> Path:
        """Latency tables, one for each device, runtime, version, number of threads and dtype."""
        return self.path / "tables"

    @property
    def operations(self) -> Path:
        """An empty file, named by the hash, for each Python file of operations or of a net that the user has named."""
        return self.path / "operations"


def find_cache(path: Path | None) -> Cache:
    """The cache in a folder, or that of the user if None.

    Raises:
        UserError: for a folder that cannot be made or written to, now and not after the first measurement.
    """
    found = path or user_cache_path("pnas")
    if not found.is_absolute() and path is None:
        raise UserError("this user has no home folder for the cache: give --cache-dir, or set HOME")
    try:
        found.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=found):
            pass
    except OSError as error:
        raise UserError(
            f"the cache {found} cannot be written to ({error.strerror}): give another --cache-dir"
        ) from None
    return Cache(found)
