"""The TFLite runtime of this machine as a device to measure with."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from attrs import field, frozen
from attrs.validators import ge, instance_of
from torch import Tensor

from pnas_export.runtimes import AiEdgeLitert, TFLite
from pnas_export.signature_runner import signature_calls
from pnas_export.signatures import IDLE, convert_workloads
from pnas_ops import DeviceInfo, Measurement, Progress, Workload, processor_name, walk


@frozen(kw_only=True)
class TFLiteDevice:
    """Measures blocks and whole nets in float32 with a TFLite runtime on this machine's CPU.

    Attributes:
        threads: of one interpreter.
        runtime: which library runs the files.
        log: a file that receives what the converter prints; dropped if None.
    """

    threads: int = field(default=1, validator=[instance_of(int), ge(1)])
    runtime: TFLite = field(factory=AiEdgeLitert)
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
        _tell(progress, "converting", 0)
        model = convert_workloads(workloads, log=self.log)
        _tell(progress, "converting", 1)
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
        generator = torch.Generator().manual_seed(0)
        calls = {path: self._net_call(path, generator) for path in paths}
        return walk([list(calls)], lambda path: calls[path](), progress=progress)

    def _net_call(self, path: Path, generator: torch.Generator) -> Callable[[], None]:
        interpreter = self.runtime.interpreter(path, threads=self.threads)
        (source,) = interpreter.get_input_details()
        shape, dtype = tuple(source["shape"].tolist()), getattr(torch, source["dtype"].__name__)
        if dtype.is_floating_point:
            image = torch.randn(shape, generator=generator)
        else:
            limits = torch.iinfo(dtype)
            image = torch.randint(limits.min, limits.max + 1, shape, dtype=dtype, generator=generator)
        interpreter.set_tensor(source["index"], image.numpy())
        return interpreter.invoke  # type: ignore[no-any-return]


def _random_input(workload: Workload, generator: torch.Generator) -> Tensor:
    return torch.randn(workload.input_shape, generator=generator).permute(0, 2, 3, 1).contiguous()


def _tell(progress: Progress | None, what: str, done: int) -> None:
    if progress is not None:
        progress(what, done, 1)
