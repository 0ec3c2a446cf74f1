"""ONNX Runtime on this machine as a device to measure with."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import field, frozen
from attrs.validators import ge, instance_of

from pnas_export.chaining import architecture_signatures
from pnas_export.onnx_runtime import OnnxFile, OnnxRuntime
from pnas_export.onnx_signatures import chain_onnx, convert_onnx_workloads
from pnas_export.signatures import IDLE
from pnas_export.timing import measure_files
from pnas_ops import Architecture, DeviceInfo, Measurement, Progress, Workload, processor_name, tell, walk, workloads


@frozen(kw_only=True)
class OnnxDevice:
    """Measures float32 blocks and whole nets with onnxruntime on this machine's CPU.

    Attributes:
        threads: of a session.
        cache: a folder that keeps what was converted.
        log: a file that receives what the converter prints; dropped if None.
    """

    threads: int = field(default=1, validator=[instance_of(int), ge(1)])
    cache: Path | None = None
    log: Path | None = None

    @property
    def info(self) -> DeviceInfo:
        """What the measurements are good for."""
        runtime = OnnxRuntime()
        return DeviceInfo(
            device=processor_name(),
            runtime=runtime.name,
            runtime_version=runtime.version,
            threads=self.threads,
            dtype="float32",
        )

    @property
    def suffix(self) -> str:
        """Of the files that it runs."""
        return OnnxRuntime.suffix

    def measure(
        self,
        rows: Sequence[Sequence[Workload]],
        *,
        nets: Sequence[Architecture] = (),
        progress: Progress | None = None,
    ) -> Iterator[tuple[Workload | Architecture, Measurement]]:
        """Times every workload as part of random nets (`pnas_ops.walk`), and nets among them.

        Args:
            rows: the workloads at each position of the net, in its order; a workload may stand in several rows.
            nets: to be timed whole: the same converted blocks, chained.
            progress: told about "converting", then about "measuring".

        Returns:
            Each workload and each net once, with its latency less the cost of a call.

        Raises:
            ConversionError: where the converter refuses a workload.
        """
        blocks = list(dict.fromkeys(workload for row in rows for workload in row))
        of_nets = [workload for net in nets for (workload,) in workloads(net) if not workload.block.computes_nothing]
        needed = list(dict.fromkeys([*blocks, *of_nets]))
        if not needed:
            return iter(())
        tell(progress, "converting", 0, 1)
        models = convert_onnx_workloads(needed, cache=self.cache, log=self.log)
        calls: dict[Workload | Architecture, Callable[[], None]] = {
            block: self._call(models[str(block)]) for block in blocks
        }
        for net in nets:
            calls[net] = self._call(chain_onnx([models[name] for name in architecture_signatures(net)]))
        idle = self._call(models[IDLE])
        tell(progress, "converting", 1, 1)
        places: Sequence[Sequence[Workload | Architecture]] = rows
        measured = walk(places, lambda key: calls[key](), idle=idle, wholes=nets, progress=progress)
        return iter(measured.items())

    def measure_files(self, paths: Sequence[Path], *, progress: Progress | None = None) -> dict[Path, Measurement]:
        """Times whole nets side by side, the cost of a call included.

        Args:
            paths: ONNX files, of any type, as `export_onnx` and `quantize_onnx` write them.
            progress: told about "measuring".
        """
        runtime = OnnxRuntime()
        return measure_files({path: (runtime, path) for path in paths}, threads=self.threads, progress=progress)

    def _call(self, model: bytes) -> Callable[[], None]:
        return OnnxFile(OnnxRuntime().session(model, threads=self.threads), "the model").benchmark()
