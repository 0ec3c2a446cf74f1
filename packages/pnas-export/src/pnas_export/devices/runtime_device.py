"""A runtime on this machine as a measuring device: what TFLite and ONNX have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import field, frozen
from attrs.converters import optional

from pnas_export.ground.scratch import scratch_folder
from pnas_export.runtimes.runtime import Runtime
from pnas_export.timing.file_timing import PathKey, measure_files
from pnas_export.timing.sessions import Plan, measure_in_sessions
from pnas_ops import AnyNet, AnyWorkload, DeviceInfo, Measurement, ModuleBuilder, Progress, Range, processor_name

Measured = tuple[AnyWorkload | AnyNet, Measurement]

ReadSessions = Callable[[Mapping[str, Measurement]], Iterable[Measured]]
"""Turns the measurements by the names of a plan into those of its workloads and nets."""


@frozen(kw_only=True)
class RuntimeDevice(ABC):
    """Times blocks and whole nets with a runtime on this machine; subclasses write the files.

    Attributes:
        threads: of the runtime.
        sessions: number of processes that time everything; see `Plan`.
        cache: a folder for converted files, and for measurements from before an interruption.
        log: a file that receives what the converter prints; dropped if None.
    """

    threads: int = field(default=1, validator=Range(1, 1024, whole=True))
    sessions: int = field(default=5, validator=Range(1, 1000, whole=True))
    cache: Path | None = field(default=None, converter=optional(Path))
    log: Path | None = field(default=None, converter=optional(Path))

    @property
    @abstractmethod
    def runtime(self) -> Runtime:
        """The library that runs the files."""

    @property
    @abstractmethod
    def dtype(self) -> str:
        """Number format of the files."""

    @abstractmethod
    def prepare(
        self,
        folder: Path,
        rows: Sequence[Sequence[AnyWorkload]],
        nets: Sequence[AnyNet],
        build: ModuleBuilder | None,
        progress: Progress | None,
    ) -> tuple[Plan, ReadSessions]:
        """Converts the blocks and writes the files into a folder; returns the plan, and how to read its results."""

    @property
    def info(self) -> DeviceInfo:
        """The device that the measurements hold for."""
        return DeviceInfo(
            device=processor_name(),
            runtime=self.runtime.name,
            runtime_version=self.runtime.version,
            threads=self.threads,
            dtype=self.dtype,
        )

    @property
    def suffix(self) -> str:
        """File name suffix of the files that it runs, with its dot."""
        return self.runtime.suffix

    def measure(
        self,
        rows: Sequence[Sequence[AnyWorkload]],
        *,
        nets: Sequence[AnyNet] = (),
        build: ModuleBuilder | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Measured]:
        """Times every workload as part of random nets (`pnas_ops.time_walks`), and nets, in several processes.

        Whole nets are the same converted blocks, chained into one file each; nets of a user's own module are converted
        whole.

        Args:
            rows: the workloads at each position of the net, in its order; a workload may be in several rows.
            nets: to be timed whole.
            build: makes the modules of a `ModuleSpace`.
            progress: told about "converting", then about "measuring".

        Returns:
            Each workload and each net once, with its latency less the overhead of a call.

        Raises:
            ValueError: for a workload that computes nothing, and for a module of several inputs.
            NoBuilderError: for workloads and nets of a `ModuleSpace`, without `build`.
            ConversionError: naming the workload or the net that the converter refuses.
        """
        if not any(rows) and not nets:
            return iter(())
        with scratch_folder() as folder:
            plan, read = self.prepare(folder, rows, nets, build, progress)
            kept = None if self.cache is None else self.cache / "sessions"
            measured = measure_in_sessions(plan, folder, kept=kept, progress=progress)
        return iter([*read(measured)])

    def measure_files(
        self, paths: Sequence[PathKey], *, progress: Progress | None = None
    ) -> dict[PathKey, Measurement]:
        """Times whole nets side by side, including the overhead of a call.

        Args:
            paths: files of the runtime, for one image, float32 or quantized.
            progress: told about "measuring".

        Raises:
            ValueError: naming the file that the runtime cannot load.
        """
        files = {path: (self.runtime, path) for path in paths}
        return measure_files(files, threads=self.threads, sessions=self.sessions, progress=progress)
