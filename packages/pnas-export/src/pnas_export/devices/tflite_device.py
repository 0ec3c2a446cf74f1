"""The TFLite runtime of this machine as a device to measure with."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from attrs import field, frozen
from attrs.validators import ge, in_, instance_of

from pnas_export.blocks.chaining import architecture_signatures, chain_signatures
from pnas_export.blocks.signatures import IDLE, convert_workloads, needed_workloads
from pnas_export.blocks.subgraphs import replicate
from pnas_export.devices.file_device import FileDtype
from pnas_export.quantizing.quantization import MIN_CALIBRATION_IMAGES, quantize_signatures, quantize_tflite
from pnas_export.runtimes.runtime import runtime_module
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert, TFLite
from pnas_export.timing.file_timing import measure_files
from pnas_export.timing.sessions import Plan, measure_in_sessions
from pnas_ops import Architecture, DeviceInfo, Measurement, Progress, Workload, processor_name, report_progress


@frozen(kw_only=True)
class TFLiteDevice:
    """Measures blocks and whole nets with a TFLite runtime on this machine's CPU.

    Attributes:
        threads: of one interpreter.
        runtime: which library runs the files.
        dtype: "float32", or "int8" for blocks and nets that are quantized whole, input and output too. Their ranges are
            those of random images: good for latency, not for accuracy.
        sessions: number of processes that time everything; see `Plan`.
        cache: a folder that keeps what was converted, and what was measured before an interruption.
        log: a file that receives what the converter prints; dropped if None.
    """

    threads: int = field(default=1, validator=[instance_of(int), ge(1)])
    runtime: TFLite = field(factory=AiEdgeLitert)
    dtype: FileDtype = field(default="float32", validator=in_(("float32", "int8")))
    sessions: int = field(default=5, validator=[instance_of(int), ge(1)])
    cache: Path | None = None
    log: Path | None = None

    @runtime.validator
    def _check_installed(self, attribute: object, runtime: TFLite) -> None:
        if not runtime.installed:
            raise ValueError(f"runtime {runtime.name} is not installed here")

    @property
    def info(self) -> DeviceInfo:
        """What the measurements are good for."""
        return DeviceInfo(
            device=processor_name(),
            runtime=self.runtime.name,
            runtime_version=self.runtime.version,
            threads=self.threads,
            dtype=self.dtype,
        )

    @property
    def suffix(self) -> str:
        """Of the files that it runs."""
        return self.runtime.suffix

    def measure(
        self,
        rows: Sequence[Sequence[Workload]],
        *,
        nets: Sequence[Architecture] = (),
        progress: Progress | None = None,
    ) -> Iterator[tuple[Workload | Architecture, Measurement]]:
        """Times every workload as part of random nets (`pnas_ops.walk`), in several processes, and nets among them.

        Whole nets are the same converted blocks, chained into a file each.

        Args:
            rows: the workloads at each position of the net, in its order; a workload may stand in several rows.
            nets: to be timed whole.
            progress: told about "converting", then about "measuring".

        Returns:
            Each workload and each net once, with its latency less the cost of a call.

        Raises:
            ValueError: for a workload that computes nothing.
            ConversionError: naming the workload that the converter refuses.
        """
        blocks = list(dict.fromkeys(workload for row in rows for workload in row))
        needed = needed_workloads(rows, nets)
        if not needed:
            return iter(())
        report_progress(progress, "converting", 0, 1 + len(nets))
        exact = convert_workloads(needed, cache=self.cache, log=self.log)
        model = quantize_signatures(exact, log=self.log) if self.dtype == "int8" else exact
        keys: dict[str, Workload | Architecture] = {str(block): block for block in blocks}
        with TemporaryDirectory(prefix="pnas-") as temporary:
            folder = Path(temporary)
            names = [[str(block) for block in row] for row in rows]
            # One, not as many as a row has blocks: colder ones cost more than a block saves in a net, since what a call
            # needs of the interpreter itself is hot in a net too.
            (folder / "blocks.tflite").write_bytes(replicate(model, [*names, [IDLE]]))
            places = tuple(
                tuple((name, "blocks.tflite", f"{index}/{name}") for name in row) for index, row in enumerate(names)
            )
            for index, net in enumerate(nets):
                report_progress(progress, "converting", 1 + index, 1 + len(nets))
                keys[f"net-{index}"] = net
                self._write_net(folder / f"net-{index}.tflite", exact, net)
            report_progress(progress, "converting", 1 + len(nets), 1 + len(nets))
            plan = Plan(
                module=runtime_module(self.runtime),
                threads=self.threads,
                rows=places,
                idle=(("blocks.tflite", f"{len(rows)}/{IDLE}"),),
                nets=tuple((f"net-{index}", f"net-{index}.tflite", None) for index in range(len(nets))),
                sessions=self.sessions,
            )
            kept = None if self.cache is None else self.cache / "sessions"
            measured = measure_in_sessions(plan, folder, kept=kept, progress=progress)
        return iter([(keys[name], one) for name, one in measured.items()])

    def measure_files(self, paths: Sequence[Path], *, progress: Progress | None = None) -> dict[Path, Measurement]:
        """Times whole nets side by side, the cost of a call included.

        Args:
            paths: TFLite files of one image, of any type, as `export_tflite` and `quantize_tflite` write them.
            progress: told about "measuring".
        """
        return measure_files({path: (self.runtime, path) for path in paths}, threads=self.threads, progress=progress)

    def _write_net(self, path: Path, blocks: bytes, net: Architecture) -> None:
        path.write_bytes(chain_signatures(blocks, architecture_signatures(net)))
        if self.dtype == "int8":
            generator = torch.Generator().manual_seed(0)
            images = torch.randn(MIN_CALIBRATION_IMAGES, *net.input_shape[1:], generator=generator)
            quantize_tflite(path, path, "int8", calibration=images, log=self.log)
