"""The latency of files of whole nets, measured side by side."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from pnas_export.ground.scratch import scratch_folder
from pnas_export.runtimes.onnx_runtime import OnnxFile, OnnxRuntime
from pnas_export.runtimes.runtime import Runtime, runtime_module
from pnas_export.timing.sessions import Entry, Plan, measure_in_sessions
from pnas_ops import DeviceInfo, FilePath, Measurement, Progress, report_progress

Key = TypeVar("Key", bound=Hashable)

PathKey = TypeVar("PathKey", bound=str | Path)
"""A path as the caller wrote it, the key of its measurement."""


@runtime_checkable
class FileDevice(Protocol):
    """A device that times exported files."""

    @property
    def info(self) -> DeviceInfo:
        """The device that the measurements hold for."""
        ...

    @property
    def suffix(self) -> str:
        """File name suffix of the files that it runs, with its dot."""
        ...

    def measure_files(
        self, paths: Sequence[PathKey], *, progress: Progress | None = None
    ) -> dict[PathKey, Measurement]:
        """Times whole nets for one image each, including the overhead of a call.

        Returns:
            The measurements, by the path of each file as it was given.

        Raises:
            ValueError: naming the file that the device cannot run.
        """
        ...


def measure_files(
    files: Mapping[Key, tuple[Runtime, FilePath]],
    *,
    threads: int = 1,
    samples: int = 200,
    sessions: int = 5,
    extra_sessions: int = 2,
    progress: Progress | None = None,
) -> dict[Key, Measurement]:
    """Times files for one image each, those of one runtime in turns, in fresh processes, including call overhead.

    Args:
        files: a file and the runtime that runs it, by any name.
        threads: of every runtime.
        samples: least number of samples for each file.
        sessions, extra_sessions: number of processes, and of further ones if these do not agree; see `Plan`.
        progress: told about "measuring".

    Raises:
        ValueError: naming the file that its runtime cannot load, or that takes no single image.
    """
    for runtime, path in files.values():
        model = runtime.load(path)
        if isinstance(model, OnnxFile):
            model.check_one_image()
    runtimes = list(dict.fromkeys(runtime for runtime, _ in files.values()))
    measured: dict[Key, Measurement] = {}
    for index, runtime in enumerate(runtimes):
        keys = {f"{number}": key for number, key in enumerate(files) if files[key][0] == runtime}
        nets: tuple[Entry, ...] = tuple((name, str(Path(files[key][1]).resolve()), None) for name, key in keys.items())
        plan = Plan(
            module=runtime_module(runtime),
            threads=threads,
            rows=(),
            nets=nets,
            provider=(runtime if isinstance(runtime, OnnxRuntime) else OnnxRuntime()).execution_provider,
            whole_samples=samples,
            sessions=sessions,
            extra_sessions=extra_sessions,
        )

        def share(what: str, done: int, total: int, before: int = index) -> None:
            report_progress(progress, what, before * total + done, len(runtimes) * total)

        with scratch_folder() as folder:
            found = measure_in_sessions(plan, folder, progress=share)
        measured |= {key: found[name] for name, key in keys.items()}
    return {key: measured[key] for key in files}
