"""The latency of whole nets' files, side by side."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from pnas_export.runtimes import Runtime
from pnas_ops import Call, DeviceInfo, Measurement, Progress, walk

Key = TypeVar("Key", bound=Hashable)


@runtime_checkable
class FileDevice(Protocol):
    """A device that times exported files.

    Attributes:
        suffix: of the files that it runs, with its dot.
    """

    @property
    def info(self) -> DeviceInfo: ...

    @property
    def suffix(self) -> str: ...

    def measure_files(self, paths: Sequence[Path], *, progress: Progress | None = None) -> dict[Path, Measurement]:
        """Times whole nets for one image each, the cost of a call included.

        Raises:
            ValueError: naming the file that the device cannot run.
        """
        ...


def measure_files(
    files: Mapping[Key, tuple[Runtime, Path]],
    *,
    threads: int = 1,
    samples: int = 200,
    progress: Progress | None = None,
) -> dict[Key, Measurement]:
    """Times files for one image each, in turns (`pnas_ops.walk`), the cost of a call included.

    Args:
        files: by any name, a file and the runtime that runs it.
        threads: of every runtime.
        samples: least number of samples a file.
        progress: told about "measuring".

    Raises:
        ValueError: naming the file that its runtime cannot load.
    """
    calls = {key: Call(runtime.load(path, threads=threads).benchmark()) for key, (runtime, path) in files.items()}
    return walk([calls], samples=samples, progress=progress)
