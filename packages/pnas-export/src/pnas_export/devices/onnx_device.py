"""ONNX Runtime on this machine as a device to measure with."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from attrs import frozen

from pnas_export.blocks.chaining import architecture_signatures
from pnas_export.blocks.onnx_signatures import chain_onnx, convert_onnx_workloads
from pnas_export.blocks.signatures import IDLE, needed_workloads
from pnas_export.devices.layout_changes import probes, without_changes
from pnas_export.devices.runtime_device import Measured, ReadSessions, RuntimeDevice
from pnas_export.runtimes.onnx_runtime import OnnxRuntime
from pnas_export.runtimes.runtime import runtime_module
from pnas_export.timing.sessions import Entry, Plan
from pnas_ops import Architecture, Measurement, Progress, Workload, report_progress

Key = TypeVar("Key", Workload, Architecture)

Role = Literal["block", "once", "twice", "net", "idle"]
"""What a file is timed for: "once" and "twice" are the convolutions P and PP of `layout_changes`."""


@frozen(kw_only=True)
class OnnxDevice(RuntimeDevice):
    """Measures float32 blocks and whole nets with onnxruntime on this machine's CPU.

    What a block spends on changes of layout that a net does not is deducted (`layout_changes`).

    Attributes:
        threads, sessions, cache, log: see `RuntimeDevice`.
    """

    @property
    def runtime(self) -> OnnxRuntime:
        """The library that runs the files."""
        return OnnxRuntime()

    @property
    def dtype(self) -> str:
        """Of the files."""
        return "float32"

    def prepare(
        self,
        folder: Path,
        rows: Sequence[Sequence[Workload]],
        nets: Sequence[Architecture],
        progress: Progress | None,
    ) -> tuple[Plan, ReadSessions]:
        """A file a block, and one for each convolution that shows the changes of layout; a file a net."""
        report_progress(progress, "converting", 0, 1)
        convolutions = probes(rows)
        needed = needed_workloads([*rows, *convolutions], nets)
        files = _Files(folder, convert_onnx_workloads(needed, cache=self.cache, log=self.log))
        plan = Plan(
            module=runtime_module(self.runtime),
            threads=self.threads,
            rows=tuple(
                (
                    *(files.chain("block", block, [block.name]) for block in row),
                    *(files.chain("once", probe, [probe.name]) for probe in here),
                    *(files.chain("twice", probe, [probe.name] * 2) for probe in here),
                )
                for row, here in zip(rows, convolutions, strict=True)
            ),
            # Of each session's state a call finds as little in the cache as a block does.
            idle=(files.chain("idle", None, [IDLE])[1:],) * max(map(len, rows), default=1),
            nets=tuple(files.chain("net", net, architecture_signatures(net)) for net in nets),
            sessions=self.sessions,
        )
        report_progress(progress, "converting", 1, 1)
        return plan, files.read


class _Files:
    """The files of a plan, each written once, and what they stand for by their names."""

    def __init__(self, folder: Path, models: Mapping[str, bytes]) -> None:
        self._folder = folder
        self._models = models
        self._entries: dict[tuple[Role, Workload | Architecture | None], Entry] = {}

    def chain(self, role: Role, key: Workload | Architecture | None, names: Sequence[str]) -> Entry:
        """The entry of a file that runs the models of these names one after the other."""
        if (role, key) not in self._entries:
            name = f"{len(self._entries)}"
            (self._folder / f"{name}.onnx").write_bytes(chain_onnx([self._models[one] for one in names]))
            self._entries[role, key] = (name, f"{name}.onnx", None)
        return self._entries[role, key]

    def read(self, measured: Mapping[str, Measurement]) -> Iterable[Measured]:
        """The blocks as they are inside a net, and the nets."""

        def found(role: Role, kind: type[Key]) -> dict[Key, Measurement]:
            return {
                key: measured[name]
                for (one, key), (name, _, _) in self._entries.items()
                if one == role and isinstance(key, kind)
            }

        blocks, once, twice = found("block", Workload), found("once", Workload), found("twice", Workload)
        return [*without_changes(blocks, once, twice).items(), *found("net", Architecture).items()]
