"""The TFLite runtime of this machine as a device to measure with."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from attrs import field, frozen
from attrs.validators import ge, instance_of
from torch import Tensor

from pnas_export.signature_runner import signature_calls
from pnas_export.signatures import IDLE, convert_workloads
from pnas_export.tflite_runtimes import AiEdgeLitert, TFLite
from pnas_export.timing import measure_files
from pnas_ops import DeviceInfo, Measurement, Progress, Workload, processor_name, tell, walk


@frozen(kw_only=True)
class TFLiteDevice:
    """Measures blocks and whole nets in float32 with a TFLite runtime on this machine's CPU.

    Attributes:
        threads: of one interpreter.
        runtime: which library runs the files.
        cache: a folder that keeps what was converted.
        log: a file that receives what the converter prints; dropped if None.
    """

    threads: int = field(default=1, validator=[instance_of(int), ge(1)])
    runtime: TFLite = field(factory=AiEdgeLitert)
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
            dtype="float32",
        )

    def measure(
        self, rows: Sequence[Sequence[Workload]], *, progress: Progress | None = None
    ) -> Iterator[tuple[Workload, Measurement]]:
        """Times every workload as part of random nets (`pnas_ops.walk`), all in one interpreter.

        Args:
            rows: the workloads at each position of the net, in its order; a workload may stand in several rows.
            progress: told about "converting", then about "measuring".

        Returns:
            Each workload once, with its latency less the cost of a call.

        Raises:
            ValueError: for a workload that computes nothing.
            ConversionError: naming the workload that the converter refuses.
        """
        workloads = list(dict.fromkeys(workload for row in rows for workload in row))
        if not workloads:
            return iter(())
        tell(progress, "converting", 0, 1)
        model = convert_workloads(workloads, cache=self.cache, log=self.log)
        tell(progress, "converting", 1, 1)
        interpreter = self.runtime.interpreter(model, threads=self.threads)
        generator = torch.Generator().manual_seed(0)
        inputs = {str(workload): _random_input(workload, generator) for workload in workloads}
        calls = signature_calls(interpreter, inputs | {IDLE: torch.zeros(1, 1)})
        by_workload = {workload: calls[str(workload)] for workload in workloads}
        measured = walk(rows, lambda workload: by_workload[workload](), idle=calls[IDLE], progress=progress)
        return iter(measured.items())

    def measure_files(self, paths: Sequence[Path], *, progress: Progress | None = None) -> dict[Path, Measurement]:
        """Times whole nets side by side, the cost of a call included.

        Args:
            paths: TFLite files of one image, of any type, as `export_tflite` and `quantize_tflite` write them.
            progress: told about "measuring".
        """
        return measure_files({path: (self.runtime, path) for path in paths}, threads=self.threads, progress=progress)


def _random_input(workload: Workload, generator: torch.Generator) -> Tensor:
    return torch.randn(workload.input_shape, generator=generator).permute(0, 2, 3, 1).contiguous()
