"""A net and its blocks, measured on a run's device to see how long it takes to measure the rest."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import frozen

from pnas_apps.devices.cached_tables import Lacking
from pnas_apps.ground.memory import process_peak_bytes
from pnas_export import OnnxDevice, TFLiteDevice
from pnas_latency import Device, TorchDevice
from pnas_ops import AnyNet, AnyWorkload, Architecture, Measurement, ModuleBuilder, Progress, workloads

_IN_TURNS = (TFLiteDevice, OnnxDevice, TorchDevice)
"""Devices that convert many blocks at once, and time all of them in turns; others take one file after another."""
_SAMPLES, _WHOLE_SAMPLES = 200, 100
"""Of a block and of a net, as those devices take them."""
_BETWEEN = 1.5
"""Times what is timed that passes until the next is."""


@frozen(kw_only=True)
class DeviceTrial:
    """What measuring a net took.

    Attributes:
        begin_s: once, to load converters.
        converting_s: for its blocks.
        net_converting_s: for the net itself: much where it is somebody's module, which is converted whole; a moment
            where it is chained of its blocks, and 0 where the device does not tell it from them.
        measuring_s: for them and for itself, or for itself alone where one file is taken after another.
        net_ms: its latency.
        blocks: it has.
        in_turns: whether all that is measured is timed in turns.
        memory_bytes: the most memory that this process had.
    """

    begin_s: float
    converting_s: float
    net_converting_s: float
    measuring_s: float
    net_ms: float
    blocks: int
    in_turns: bool
    memory_bytes: float

    @property
    def file_s(self) -> float:
        """To convert another net."""
        return self.converting_s + self.net_converting_s

    @property
    def net_s(self) -> float:
        """To measure another net."""
        return self.file_s + self.measuring_s

    def blocks_s(self, count: int) -> float:
        """To convert so many blocks and measure a net of them."""
        return self.converting_s * count / self.blocks + self.measuring_s

    def table_s(self, lacking: Lacking) -> float:
        """To measure what a table lacks."""
        if not lacking.count and not lacking.nets:
            return 0.0
        if not self.in_turns:
            return self.begin_s + (lacking.count + len(lacking.nets)) * self.net_s
        widest = max(map(len, lacking.blocks))
        more = _SAMPLES * max(0, widest - 1) + _WHOLE_SAMPLES * max(0, len(lacking.nets) - 1)
        # Those that were tried are converted now.
        left = max(0, lacking.count - self.blocks)
        nets_s = len(lacking.nets) * self.net_converting_s
        return self.begin_s + self.blocks_s(left) + nets_s + _BETWEEN * more * self.net_ms / 1000


def try_device(
    device: Device, net: AnyNet, *, name: str, build: ModuleBuilder | None = None, progress: Progress
) -> DeviceTrial:
    """Measures a net, after one of its blocks.

    Args:
        device: of the run.
        net: of blocks, or of a user's modules.
        name: of the device, for the progress.
        build: makes those modules.
        progress: told about "trying", the name, and what is done there.

    Raises:
        UserError, PnasError, ValueError: for what the device cannot measure.
    """
    blocks = [block for (block,) in workloads(net)[_rest(net) :] if not block.computes_nothing]
    in_turns = isinstance(device, _IN_TURNS)

    def measured(rows: Sequence[AnyWorkload], nets: Sequence[AnyNet]) -> tuple[float, float, float, float]:
        in_rows = [[row] for row in rows] if in_turns else []
        return _measured(device, in_rows, nets, build, lambda what, *count: progress(f"trying {name}, {what}", *count))

    first_s = measured(blocks[:1], [])[0] if in_turns else 0.0
    converting_s, net_converting_s, measuring_s, net_ms = measured(blocks, [net])
    return DeviceTrial(
        begin_s=max(0.0, first_s - converting_s / len(blocks)),
        converting_s=converting_s,
        net_converting_s=net_converting_s,
        measuring_s=measuring_s,
        net_ms=net_ms,
        blocks=len(blocks),
        in_turns=in_turns,
        memory_bytes=process_peak_bytes(),
    )


def _rest(net: AnyNet) -> int:
    """How many of a net's first workloads are no blocks: the rest of a net of modules."""
    return 0 if isinstance(net, Architecture) else 1


def _measured(
    device: Device,
    rows: Sequence[Sequence[AnyWorkload]],
    nets: Sequence[AnyNet],
    build: ModuleBuilder | None,
    tell: Progress,
) -> tuple[float, float, float, float]:
    """Seconds to convert the blocks, to convert the net, and to measure; milliseconds of the net, if there is one."""
    began = time.perf_counter()
    converted = list[float]()

    def progress(phase: str, done: int, total: int) -> None:
        if phase == "converting":
            converted.append(time.perf_counter())
        tell(phase, done, total)

    options: dict[str, Any] = {} if build is None else {"build": build}
    measure: Callable[..., Iterator[tuple[AnyWorkload | AnyNet, Measurement]]] = device.measure
    found = dict(measure(rows, nets=nets, progress=progress, **options))
    ended = time.perf_counter()
    # Told when it begins, after all blocks, and after each net.
    told = converted if len(converted) > 1 else [began, began]
    blocks_at, nets_at = told[1], told[-1]
    return blocks_at - began, nets_at - blocks_at, ended - nets_at, sum(found[net].total_ms for net in nets)
