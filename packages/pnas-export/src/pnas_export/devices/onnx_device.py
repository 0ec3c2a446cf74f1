"""ONNX Runtime on this machine as a measuring device."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from attrs import evolve, field, frozen
from attrs.validators import in_

from pnas_export.blocks.chaining import architecture_signatures
from pnas_export.blocks.onnx_signatures import chain_onnx, convert_onnx_net, convert_onnx_workloads
from pnas_export.blocks.signatures import IDLE, needed_workloads
from pnas_export.devices.layout_changes import probes, without_changes
from pnas_export.devices.runtime_device import Measured, ReadSessions, RuntimeDevice
from pnas_export.runtimes.onnx_runtime import OnnxProvider, OnnxRuntime
from pnas_export.runtimes.runtime import runtime_module
from pnas_export.timing.sessions import Entry, Plan
from pnas_ops import (
    AnyNet,
    AnyWorkload,
    Architecture,
    DeviceInfo,
    Measurement,
    ModuleBuilder,
    Progress,
    report_progress,
)

Role = Literal["block", "once", "twice", "net", "idle"]
"""The purpose of a timed file: "once" and "twice" are the convolutions P and PP of `layout_changes`."""


@frozen(kw_only=True)
class OnnxDevice(RuntimeDevice):
    """Measures float32 blocks and whole nets with onnxruntime on this machine's CPU or GPU.

    On a CPU, changes of layout at the ends of a block, which a net does not have, are deducted (`layout_changes`). For
    a `ModuleSpace` they are in every candidate that computes, and so in the rest with the opposite sign.

    Attributes:
        provider: "cpu", or "cuda" with `onnxruntime-gpu`: images and results stay on the GPU.
        threads, sessions, cache, log: see `RuntimeDevice`.

    Raises:
        DeviceError: for a provider that does not work here.
    """

    provider: OnnxProvider = field(default="cpu", validator=in_(("cpu", "cuda")))

    @provider.validator
    def _check_provider(self, _: object, provider: OnnxProvider) -> None:
        if provider != "cpu":
            OnnxRuntime(provider=provider).check_provider()

    @property
    def runtime(self) -> OnnxRuntime:
        """The library that runs the files."""
        return OnnxRuntime(provider=self.provider)

    @property
    def info(self) -> DeviceInfo:
        """The device that the measurements hold for."""
        info = super().info
        if self.provider == "cpu":
            return info
        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "CUDA GPU"
        return evolve(info, device=gpu, runtime=f"{info.runtime} ({self.provider})")

    @property
    def dtype(self) -> str:
        """Number format of the files."""
        return "float32"

    def prepare(
        self,
        folder: Path,
        rows: Sequence[Sequence[AnyWorkload]],
        nets: Sequence[AnyNet],
        build: ModuleBuilder | None,
        progress: Progress | None,
    ) -> tuple[Plan, ReadSessions]:
        """A file for each block, each convolution that shows the changes of layout, and each net."""
        report_progress(progress, "converting", 0, 1)
        convolutions = probes(rows) if self.provider == "cpu" else ((),) * len(rows)
        called = needed_workloads([*rows, *convolutions], nets)
        files = _Files(folder, convert_onnx_workloads([*called], build=build, cache=self.cache, log=self.log))

        def net_entry(net: AnyNet) -> Entry:
            if isinstance(net, Architecture):
                return files.chain("net", net, architecture_signatures(net))
            return files.whole(net, convert_onnx_net(net, build=build, cache=self.cache, log=self.log))

        plan = Plan(
            module=runtime_module(self.runtime),
            threads=self.threads,
            provider=self.runtime.execution_provider,
            rows=tuple(
                (
                    *(files.chain("block", block, [called[block]]) for block in row),
                    *(files.chain("once", probe, [probe.name]) for probe in here),
                    *(files.chain("twice", probe, [probe.name] * 2) for probe in here),
                )
                for row, here in zip(rows, convolutions, strict=True)
            ),
            # A call finds as little of each session's state in the cache as a block does.
            idle=(files.chain("idle", None, [IDLE])[1:],) * max(map(len, rows), default=1),
            nets=tuple(map(net_entry, nets)),
            sessions=self.sessions,
        )
        report_progress(progress, "converting", 1, 1)
        return plan, files.read


class _Files:
    """The files of a plan, each written once, and their meaning by name."""

    def __init__(self, folder: Path, models: Mapping[str, bytes]) -> None:
        self._folder = folder
        self._models = models
        self._entries: dict[tuple[Role, AnyWorkload | AnyNet | None], Entry] = {}

    def chain(self, role: Role, key: AnyWorkload | AnyNet | None, names: Sequence[str]) -> Entry:
        """The entry of a file that runs the models of these names in sequence."""
        if (role, key) not in self._entries:
            self._write(role, key, chain_onnx([self._models[one] for one in names]))
        return self._entries[role, key]

    def whole(self, net: AnyNet, model: bytes) -> Entry:
        """The entry of a file of a net."""
        self._write("net", net, model)
        return self._entries["net", net]

    def _write(self, role: Role, key: AnyWorkload | AnyNet | None, model: bytes) -> None:
        name = f"{len(self._entries)}"
        (self._folder / f"{name}.onnx").write_bytes(model)
        self._entries[role, key] = (name, f"{name}.onnx", None)

    def read(self, measured: Mapping[str, Measurement]) -> Iterable[Measured]:
        """The measurements of the blocks as inside a net, and of the nets."""
        found: dict[Role, dict[Any, Measurement]] = defaultdict(dict)
        for (role, key), (name, _, _) in self._entries.items():
            if role != "idle":
                found[role][key] = measured[name]
        return [*without_changes(found["block"], found["once"], found["twice"]).items(), *found["net"].items()]
