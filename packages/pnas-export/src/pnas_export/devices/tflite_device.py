"""The TFLite runtime of this machine as a device to measure with."""

from collections.abc import Sequence
from pathlib import Path

import torch
from attrs import field, frozen
from attrs.validators import in_

from pnas_export.blocks.chaining import architecture_signatures, chain_signatures
from pnas_export.blocks.signatures import IDLE, convert_workloads, needed_workloads
from pnas_export.blocks.subgraphs import replicate
from pnas_export.devices.file_device import FileDtype
from pnas_export.devices.runtime_device import ReadSessions, RuntimeDevice
from pnas_export.quantizing.quantization import MIN_CALIBRATION_IMAGES, quantize_signatures, quantize_tflite
from pnas_export.runtimes.runtime import runtime_module
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert, TFLite
from pnas_export.timing.sessions import Plan
from pnas_ops import Architecture, Progress, Workload, report_progress


@frozen(kw_only=True)
class TFLiteDevice(RuntimeDevice):
    """Measures blocks and whole nets with a TFLite runtime on this machine's CPU.

    Attributes:
        runtime: which library runs the files.
        dtype: "float32", or "int8" for blocks and nets that are quantized whole, input and output too. Their ranges are
            those of random images: good for latency, not for accuracy.
        threads, sessions, cache, log: see `RuntimeDevice`.
    """

    runtime: TFLite = field(factory=AiEdgeLitert)
    dtype: FileDtype = field(default="float32", validator=in_(("float32", "int8")))

    @runtime.validator
    def _check_installed(self, _: object, runtime: TFLite) -> None:
        if not runtime.installed:
            raise ValueError(f"runtime {runtime.name} is not installed here")

    def prepare(
        self,
        folder: Path,
        rows: Sequence[Sequence[Workload]],
        nets: Sequence[Architecture],
        progress: Progress | None,
    ) -> tuple[Plan, ReadSessions]:
        """All blocks in one file, those of a row that stand in another too with weights of their own; a file a net."""
        report_progress(progress, "converting", 0, 1 + len(nets))
        exact = convert_workloads(needed_workloads(rows, nets), cache=self.cache, log=self.log)
        model = quantize_signatures(exact, log=self.log) if self.dtype == "int8" else exact
        keys: dict[str, Workload | Architecture] = {block.name: block for row in rows for block in row}
        names = [[block.name for block in row] for row in rows]
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
        return plan, lambda measured: [(keys[name], one) for name, one in measured.items()]

    def _write_net(self, path: Path, blocks: bytes, net: Architecture) -> None:
        path.write_bytes(chain_signatures(blocks, architecture_signatures(net)))
        if self.dtype == "int8":
            generator = torch.Generator().manual_seed(0)
            images = torch.randn(MIN_CALIBRATION_IMAGES, *net.input_shape[1:], generator=generator)
            quantize_tflite(path, path, "int8", calibration=images, log=self.log)
