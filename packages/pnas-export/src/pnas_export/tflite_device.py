"""The TFLite runtime of this machine as a device to measure with."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from attrs import field, frozen
from attrs.validators import ge, in_, instance_of
from torch import Tensor

from pnas_export.chaining import architecture_signatures, chain_signatures
from pnas_export.file_device import FileDtype
from pnas_export.quantization import MIN_CALIBRATION_IMAGES, quantize_signatures, quantize_tflite
from pnas_export.runtimes import random_image
from pnas_export.signature_runner import signature_calls
from pnas_export.signatures import IDLE, convert_workloads
from pnas_export.tflite_runtimes import AiEdgeLitert, TFLite
from pnas_export.timing import measure_files
from pnas_ops import Architecture, DeviceInfo, Measurement, Progress, Workload, processor_name, tell, walk, workloads


@frozen(kw_only=True)
class TFLiteDevice:
    """Measures blocks and whole nets with a TFLite runtime on this machine's CPU.

    Attributes:
        threads: of one interpreter.
        runtime: which library runs the files.
        dtype: "float32", or "int8" for blocks and nets that are quantized whole, input and output too. Their ranges are
            those of random images: good for latency, not for accuracy.
        cache: a folder that keeps what was converted.
        log: a file that receives what the converter prints; dropped if None.
    """

    threads: int = field(default=1, validator=[instance_of(int), ge(1)])
    runtime: TFLite = field(factory=AiEdgeLitert)
    dtype: FileDtype = field(default="float32", validator=in_(("float32", "int8")))
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
        """Times every workload as part of random nets (`pnas_ops.walk`), all in one interpreter, and nets among them.

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
        of_nets = [workload for net in nets for (workload,) in workloads(net) if not workload.block.computes_nothing]
        needed = list(dict.fromkeys([*blocks, *of_nets]))
        if not needed:
            return iter(())
        tell(progress, "converting", 0, 1 + len(nets))
        exact = convert_workloads(needed, cache=self.cache, log=self.log)
        quantize = self.dtype == "int8"
        model = quantize_signatures(exact, log=self.log) if quantize else exact
        interpreter = self.runtime.interpreter(model, threads=self.threads)
        signatures = signature_calls(interpreter, _inputs(interpreter))
        calls: dict[Workload | Architecture, Callable[[], None]] = {block: signatures[str(block)] for block in blocks}
        for done, net in enumerate(nets, start=1):
            tell(progress, "converting", done, 1 + len(nets))
            calls[net] = self._net_call(chain_signatures(exact, architecture_signatures(net)), net)
        tell(progress, "converting", 1 + len(nets), 1 + len(nets))
        places: Sequence[Sequence[Workload | Architecture]] = rows
        measured = walk(places, lambda key: calls[key](), idle=signatures[IDLE], wholes=nets, progress=progress)
        return iter(measured.items())

    def measure_files(self, paths: Sequence[Path], *, progress: Progress | None = None) -> dict[Path, Measurement]:
        """Times whole nets side by side, the cost of a call included.

        Args:
            paths: TFLite files of one image, of any type, as `export_tflite` and `quantize_tflite` write them.
            progress: told about "measuring".
        """
        return measure_files({path: (self.runtime, path) for path in paths}, threads=self.threads, progress=progress)

    def _net_call(self, model: bytes, net: Architecture) -> Callable[[], None]:
        with TemporaryDirectory() as folder:
            path = Path(folder, "net.tflite")
            path.write_bytes(model)
            if self.dtype == "int8":
                images = torch.randn(
                    MIN_CALIBRATION_IMAGES, *net.input_shape[1:], generator=torch.Generator().manual_seed(0)
                )
                quantize_tflite(path, path, "int8", calibration=images, log=self.log)
            return self.runtime.load(path, threads=self.threads).benchmark()


def _inputs(interpreter: object) -> dict[str, Tensor]:
    """A random "args_0" for every signature."""
    inputs = {}
    for name in interpreter.get_signature_list():  # type: ignore[attr-defined]
        (details,) = interpreter.get_signature_runner(name).get_input_details().values()  # type: ignore[attr-defined]
        inputs[name] = random_image(tuple(details["shape"].tolist()), getattr(torch, details["dtype"].__name__))
    return inputs
