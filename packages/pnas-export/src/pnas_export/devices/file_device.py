"""Measuring blocks and nets as files, one after the other: for devices that run nothing but files."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import torch
from attrs import evolve, field, frozen
from attrs.converters import optional
from attrs.validators import in_

from pnas_export.blocks.chaining import architecture_signatures, chain_signatures
from pnas_export.blocks.signatures import IDLE, convert_workloads, needed_workloads
from pnas_export.devices.benchmark_report import Statistic
from pnas_export.ground.scratch import scratch_folder
from pnas_export.quantizing.quantization import MIN_CALIBRATION_IMAGES, quantize_tflite
from pnas_export.timing.file_timing import PathKey
from pnas_ops import Architecture, DeviceInfo, Measurement, Progress, Range, Workload, report_progress

FileDtype = Literal["float32", "int8"]


@frozen(kw_only=True)
class FileByFileDevice(ABC):
    """A device of which nothing is asked but to time a TFLite file: what it is made of says how.

    Blocks are timed alone and over and over, which is faster than among others: calibrate the table with whole nets.

    Attributes:
        threads: of the runtime.
        dtype: of the files. Those in int8 find their ranges on random images, which makes them as fast as real ones, no
            more.
        statistic: what stands for the latency in a report of `benchmark_model`.
        timeout_s: seconds after which the timing of a file is given up.
        cache: a folder that keeps what was converted.
        log: a file that receives what the converter prints; dropped if None.
    """

    threads: int = field(default=1, validator=Range(1, 1024, whole=True))
    dtype: FileDtype = field(default="float32", validator=in_(("float32", "int8")))
    statistic: Statistic = field(default="p10", validator=in_(("p10", "avg")))
    timeout_s: float = field(default=300.0, validator=Range(0.0, 1e6, above=True))
    cache: Path | None = field(default=None, converter=optional(Path))
    log: Path | None = field(default=None, converter=optional(Path))

    @property
    @abstractmethod
    def info(self) -> DeviceInfo:
        """What the measurements are good for.

        Raises:
            DeviceError: for a device that is not there.
        """

    @abstractmethod
    def time_file(self, path: Path, what: str) -> Measurement:
        """Times a TFLite file, the cost of a call included.

        Args:
            path: of the file, on this machine.
            what: it is, for error messages.

        Raises:
            DeviceError: naming the device and what it was to time.
        """

    @property
    def suffix(self) -> str:
        """Of the files that it runs."""
        return ".tflite"

    def measure(
        self,
        rows: Sequence[Sequence[Workload]],
        *,
        nets: Sequence[Architecture] = (),
        progress: Progress | None = None,
    ) -> Iterator[tuple[Workload | Architecture, Measurement]]:
        """Times each workload of `rows` once, then each net, one file after the other, less the cost of a call.

        All blocks are converted, at once, before this returns; a file is timed when its measurement is asked for, so
        that those before it are kept whatever happens to the device.

        Args:
            rows: the workloads at each position of a net.
            nets: to be measured whole.
            progress: told about "converting", then about "measuring".

        Raises:
            DeviceError: at once for a device that is not there; when a measurement is asked for, naming the block or
                the net; those before it are good.
            ValueError: for a workload that computes nothing.
            ConversionError: naming the workload that the converter refuses.
        """
        _ = self.info  # before the minutes of converting
        blocks = list(dict.fromkeys(workload for row in rows for workload in row))
        needed = needed_workloads(rows, nets)
        if not needed:
            return iter(())
        report_progress(progress, "converting", 0, 1)
        model = convert_workloads(needed, cache=self.cache, log=self.log)
        report_progress(progress, "converting", 1, 1)
        return self._measured([*blocks, *dict.fromkeys(nets)], model, progress)

    def measure_files(
        self, paths: Sequence[PathKey], *, progress: Progress | None = None
    ) -> dict[PathKey, Measurement]:
        """Times TFLite files of one image in their order, the cost of a call included.

        Raises:
            DeviceError: naming the device and the file.
        """
        _ = self.info
        measured = {}
        for done, path in enumerate(paths, start=1):
            measured[path] = self.time_file(Path(path), str(path))
            report_progress(progress, "measuring", done, len(paths))
        return measured

    def _measured(
        self, keys: Sequence[Workload | Architecture], model: bytes, progress: Progress | None
    ) -> Iterator[tuple[Workload | Architecture, Measurement]]:
        with scratch_folder() as folder:
            path = folder / "model.tflite"
            path.write_bytes(chain_signatures(model, [IDLE]))
            overhead_ms = self.time_file(path, "an empty call").latency_ms
            for done, key in enumerate(keys, start=1):
                match key:
                    case Architecture():
                        what, names = f"net {key.name!r}", architecture_signatures(key)
                        shape: tuple[int, ...] = (key.in_channels, key.resolution, key.resolution)
                    case Workload():
                        what, names, shape = f"block {key}", (key.name,), key.input_shape[1:]
                path.write_bytes(chain_signatures(model, names))
                if self.dtype == "int8":
                    images = torch.randn(MIN_CALIBRATION_IMAGES, *shape, generator=torch.Generator().manual_seed(0))
                    quantize_tflite(path, path, "int8", calibration=images, log=self.log)
                total = self.time_file(path, what)
                report_progress(progress, "measuring", done, len(keys))
                yield key, evolve(total, latency_ms=max(0.0, total.latency_ms - overhead_ms), overhead_ms=overhead_ms)
