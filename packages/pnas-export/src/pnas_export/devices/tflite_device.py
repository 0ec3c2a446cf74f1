"""The TFLite runtime on this machine as a measuring device."""

from collections.abc import Sequence
from pathlib import Path

from attrs import field, frozen
from attrs.validators import in_

from pnas_export.blocks.nets import net_model
from pnas_export.blocks.signatures import IDLE, convert_workloads, needed_workloads
from pnas_export.blocks.subgraphs import replicate
from pnas_export.devices.block_files import FileDtype
from pnas_export.devices.runtime_device import ReadSessions, RuntimeDevice
from pnas_export.quantizing.quantization import quantize_on_noise, quantize_signatures
from pnas_export.runtimes.runtime import runtime_module
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert, TFLite
from pnas_export.timing.sessions import Plan
from pnas_ops import AnyNet, AnyWorkload, ModuleBuilder, Progress, report_progress


@frozen(kw_only=True)
class TFLiteDevice(RuntimeDevice):
    """Measures blocks and whole nets with a TFLite runtime on this machine's CPU.

    Attributes:
        runtime: which library runs the files.
        dtype: "float32", or "int8" for fully quantized blocks and nets, including input and output. Their ranges are
            those of random images: valid for latency, not for accuracy.
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
        rows: Sequence[Sequence[AnyWorkload]],
        nets: Sequence[AnyNet],
        build: ModuleBuilder | None,
        progress: Progress | None,
    ) -> tuple[Plan, ReadSessions]:
        """One file for all blocks, where a block in several rows has separate weights in each; a file for each net."""
        report_progress(progress, "converting", 0, 1 + len(nets))
        called = needed_workloads(rows, nets)
        exact = convert_workloads([*called], build=build, cache=self.cache, log=self.log)
        model = quantize_signatures(exact, log=self.log) if self.dtype == "int8" else exact
        keys: dict[str, AnyWorkload | AnyNet] = {name: workload for workload, name in called.items()}
        names = [[called[workload] for workload in row] for row in rows]
        # One, not as many as a row has blocks: colder ones cost more than a block saves in a net, where the part of the
        # interpreter that a call needs is hot too.
        (folder / "blocks.tflite").write_bytes(replicate(model, [*names, [IDLE]]))
        places = tuple(
            tuple((name, "blocks.tflite", f"{index}/{name}") for name in row) for index, row in enumerate(names)
        )
        for index, net in enumerate(nets):
            report_progress(progress, "converting", 1 + index, 1 + len(nets))
            keys[f"net-{index}"] = net
            path = folder / f"net-{index}.tflite"
            path.write_bytes(net_model(net, exact, build=build, cache=self.cache, log=self.log))
            if self.dtype == "int8":
                quantize_on_noise(path, net.input_shapes, log=self.log)
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
