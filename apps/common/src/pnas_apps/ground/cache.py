"""Where the programs keep what can be made again."""

from pathlib import Path

from attrs import frozen
from platformdirs import user_cache_path


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


def find_cache(path: Path | None) -> Cache:
    """The cache in a folder, or that of the user if None."""
    return Cache(path or user_cache_path("pnas"))
