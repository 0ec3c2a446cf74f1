"""ONNX Runtime on this machine as a device to measure with."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import field, frozen
from attrs.validators import ge, instance_of

from pnas_export.blocks.chaining import architecture_signatures
from pnas_export.blocks.onnx_signatures import chain_onnx, convert_onnx_workloads
from pnas_export.blocks.signatures import IDLE, needed_workloads
from pnas_export.devices.layout_changes import probes, without_changes
from pnas_export.runtimes.onnx_runtime import OnnxRuntime
from pnas_export.timing.file_timing import measure_files
from pnas_export.timing.sessions import Entry, Plan, measure_in_sessions
from pnas_ops import Architecture, DeviceInfo, Measurement, Progress, Workload, processor_name, report_progress


@frozen(kw_only=True)
class OnnxDevice:
    """Measures float32 blocks and whole nets with onnxruntime on this machine's CPU.

    Attributes:
        threads: of a session.
        sessions: number of processes that time everything; see `Plan`.
        cache: a folder that keeps what was converted, and what was measured before an interruption.
        log: a file that receives what the converter prints; dropped if None.
    """

    threads: int = field(default=1, validator=[instance_of(int), ge(1)])
    sessions: int = field(default=5, validator=[instance_of(int), ge(1)])
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
        """Times every workload as part of random nets (`pnas_ops.walk`), in several processes, and nets among them.

        What a block spends on changes of layout that a net does not is deducted (`layout_changes`).

        Args:
            rows: the workloads at each position of the net, in its order; a workload may stand in several rows.
            nets: to be timed whole: the same converted blocks, chained.
            progress: told about "converting", then about "measuring".

        Returns:
            Each workload and each net once, with its latency less the cost of a call.

        Raises:
            ValueError: for a workload that computes nothing.
            ConversionError: naming the workload that the converter refuses.
        """
        convolutions = probes(rows)
        needed = needed_workloads([*rows, *convolutions], nets)
        if not needed:
            return iter(())
        report_progress(progress, "converting", 0, 1)
        models = convert_onnx_workloads(needed, cache=self.cache, log=self.log)
        with TemporaryDirectory(prefix="pnas-") as temporary:
            folder = _Folder(Path(temporary), models)
            plan = Plan(
                module="onnxruntime",
                threads=self.threads,
                rows=tuple(
                    (
                        *(folder.chain(("block", block), [str(block)]) for block in row),
                        *(folder.chain(("once", probe), [str(probe)]) for probe in here),
                        *(folder.chain(("twice", probe), [str(probe)] * 2) for probe in here),
                    )
                    for row, here in zip(rows, convolutions, strict=True)
                ),
                # Of each session's state a call finds as little in the cache as a block does.
                idle=(folder.chain(("idle", None), [IDLE])[1:],) * max(map(len, rows), default=1),
                nets=tuple(folder.chain(("net", net), architecture_signatures(net)) for net in nets),
                sessions=self.sessions,
            )
            report_progress(progress, "converting", 1, 1)
            kept = None if self.cache is None else self.cache / "sessions"
            measured = measure_in_sessions(plan, folder.path, kept=kept, progress=progress)
        by_role: dict[str, dict[Any, Measurement]] = {role: {} for role in ("block", "once", "twice", "net")}
        for name, one in measured.items():
            role, key = folder.keys[name]
            by_role[role][key] = one
        inside = without_changes(by_role["block"], by_role["once"], by_role["twice"])
        return iter([*inside.items(), *by_role["net"].items()])

    def measure_files(self, paths: Sequence[Path], *, progress: Progress | None = None) -> dict[Path, Measurement]:
        """Times whole nets side by side, the cost of a call included.

        Args:
            paths: ONNX files, of any type, as `export_onnx` and `quantize_onnx` write them.
            progress: told about "measuring".
        """
        runtime = OnnxRuntime()
        return measure_files({path: (runtime, path) for path in paths}, threads=self.threads, progress=progress)


class _Folder:
    """The files of a plan, each written once, and what they stand for by their names."""

    def __init__(self, path: Path, models: Mapping[str, bytes]) -> None:
        self.path = path
        self.keys: dict[str, tuple[str, Any]] = {}
        self._models = models
        self._entries: dict[tuple[str, Any], Entry] = {}

    def chain(self, key: tuple[str, Any], names: Sequence[str]) -> Entry:
        """The entry of a file that runs the models of these names one after the other."""
        if key not in self._entries:
            name = f"{len(self._entries)}"
            (self.path / f"{name}.onnx").write_bytes(chain_onnx([self._models[one] for one in names]))
            self.keys[name], self._entries[key] = key, (name, f"{name}.onnx", None)
        return self._entries[key]
