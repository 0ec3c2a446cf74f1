"""Measuring blocks and nets as files, one after the other, for devices that can only run files."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from attrs import evolve, field, frozen
from attrs.converters import optional
from attrs.validators import in_

from pnas_export.blocks.signatures import convert_workloads, needed_workloads
from pnas_export.devices.benchmark_report import Statistic
from pnas_export.devices.block_files import BlockFile, FileDtype, block_files
from pnas_export.devices.probed_files import ProbedFiles
from pnas_export.timing.file_timing import PathKey
from pnas_export.timing.sessions import probe_file
from pnas_ops import (
    AnyNet,
    AnyWorkload,
    DeviceInfo,
    Measurement,
    ModuleBuilder,
    Progress,
    Range,
    report_progress,
)


@frozen(kw_only=True)
class FileByFileDevice(ABC):
    """The base class of devices that time one TFLite file at a time; subclasses define how.

    Blocks are timed alone, over and over, which is faster than among others: calibrate the table with whole nets.
    Before the first file and after each, it times `pnas_ops.PROBE`, to convert measurements from different times to one
    speed. A file between two probes that disagree is timed again.

    Attributes:
        threads: of the runtime.
        dtype: of the files. Those in int8 have ranges from random images, which makes them as fast as real ones, but no
            more.
        statistic: the number that is the latency in a report of `benchmark_model`.
        timeout_s: seconds after which the timing of a file is aborted.
        probe: whether the probe is timed. Without it only half as many files are timed, and the device's speed is
            unknown: for a simulator, whose speed never changes.
        cache: a folder for converted files.
        log: a file that receives what the converter prints; dropped if None.
    """

    threads: int = field(default=1, validator=Range(1, 1024, whole=True))
    dtype: FileDtype = field(default="float32", validator=in_(("float32", "int8")))
    statistic: Statistic = field(default="p10", validator=in_(("p10", "avg")))
    timeout_s: float = field(default=300.0, validator=Range(0.0, 1e6, above=True))
    probe: bool = True
    cache: Path | None = field(default=None, converter=optional(Path))
    log: Path | None = field(default=None, converter=optional(Path))

    @property
    @abstractmethod
    def info(self) -> DeviceInfo:
        """The device that the measurements hold for.

        Raises:
            DeviceError: if the device is missing.
        """

    @abstractmethod
    def time_file(self, path: Path, what: str) -> Measurement:
        """Times a TFLite file, including the overhead of a call.

        Args:
            path: of the file, on this machine.
            what: its description for error messages.

        Raises:
            DeviceError: naming the device and the file.
        """

    @property
    def suffix(self) -> str:
        """File name suffix of the files that it runs, with its dot."""
        return ".tflite"

    def measure(
        self,
        rows: Sequence[Sequence[AnyWorkload]],
        *,
        nets: Sequence[AnyNet] = (),
        build: ModuleBuilder | None = None,
        progress: Progress | None = None,
    ) -> Iterator[tuple[AnyWorkload | AnyNet, Measurement]]:
        """Times each workload of `rows` once, then each net, one file after the other, less the overhead of a call.

        All blocks are converted, at once, before this returns. A file is timed when its measurement is requested, so
        earlier ones are kept whatever happens to the device.

        Args:
            rows: the workloads at each position of a net.
            nets: to be measured whole.
            build: makes the modules of a `ModuleSpace`, whose nets are converted one by one, in their turn.
            progress: told about "converting", then about "measuring".

        Raises:
            DeviceError: at once if the device is missing; later for a measurement that fails, naming the block or the
                net, while earlier ones are valid.
            ValueError: for a workload that computes nothing.
            ConversionError: naming the workload that the converter refuses.
        """
        _ = self.info  # before the minutes of converting
        keys = list(dict.fromkeys([*(workload for row in rows for workload in row), *nets]))
        if not keys:
            return iter(())
        called = needed_workloads(rows, nets)
        report_progress(progress, "converting", 0, 1)
        model = convert_workloads([*called], build=build, cache=self.cache, log=self.log)
        report_progress(progress, "converting", 1, 1)

        files = block_files(keys, model, called, dtype=self.dtype, build=build, cache=self.cache, log=self.log)
        return self._measured(files, len(keys), progress)

    def measure_files(
        self, paths: Sequence[PathKey], *, progress: Progress | None = None
    ) -> dict[PathKey, Measurement]:
        """Times TFLite files for one image, in order, including the overhead of a call.

        Raises:
            DeviceError: naming the device and the file.
        """
        _ = self.info
        measured, time = {}, self._timing()
        for done, path in enumerate(paths, start=1):
            measured[path] = time(Path(path), str(path))
            report_progress(progress, "measuring", done, len(paths))
        return measured

    def _measured(
        self, files: Generator[BlockFile, None, None], count: int, progress: Progress | None
    ) -> Iterator[tuple[AnyWorkload | AnyNet, Measurement]]:
        time = self._timing()
        with closing(files):
            empty = next(files)
            call = time(empty.path, empty.what)
            report_progress(progress, "measuring", 0, count)
            for done, file in enumerate(files, start=1):
                assert file.key is not None
                total = time(file.path, file.what)
                report_progress(progress, "measuring", done, count)
                overhead_ms = call.at(total.probe_ms).latency_ms
                yield (
                    file.key,
                    evolve(total, latency_ms=max(0.0, total.latency_ms - overhead_ms), overhead_ms=overhead_ms),
                )

    def _timing(self) -> Callable[[Path, str], Measurement]:
        """The function that times files one after the other."""
        if not self.probe:
            return self.time_file
        return ProbedFiles(time_file=self.time_file, probe=probe_file(self.dtype)).time
