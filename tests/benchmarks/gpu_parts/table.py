"""A latency table of a GPU: how far its sums are from whole nets that it has not seen."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from attrs import evolve

from benchmarks.gpu_parts.setting import Line, Setting, guarded
from pnas_latency import MACS, TorchDevice, measure_table, validation_nets
from pnas_ops import cifar_mbconv_space

CASES: dict[str, dict[str, Any]] = {
    "graph batch 8": {"mode": "graph", "batch": 8},
    "graph batch 8 float16": {"mode": "graph", "batch": 8, "dtype": "float16"},
    "graph batch 1": {"mode": "graph", "batch": 1},
    "eager batch 1": {},
}
EAGER_ON_A_CPU: dict[str, dict[str, Any]] = {"eager batch 1": {}}


def run(setting: Setting) -> Iterator[Line]:
    """A line for each way to run nets; a device of an earlier version has the eager one alone."""
    for case, options in (CASES if setting.device.type == "cuda" else EAGER_ON_A_CPU).items():
        if setting.wants(case):
            yield from guarded({"case": case}, partial(_table, setting, options))


def _table(setting: Setting, options: dict[str, Any]) -> Iterator[Line]:
    space = cifar_mbconv_space(0.5 if setting.tiny else 1.0, blocks_per_stage=1)
    space = evolve(space, candidates=space.candidates[:2]) if setting.tiny else space
    fit, held_out = (2, 2) if setting.tiny else (6, 20)
    device = TorchDevice(str(setting.device), samples=3 if setting.tiny else 60, **options)
    nets = validation_nets(space, cost=MACS, fit=fit, held_out=held_out)
    begun = time.perf_counter()
    table = measure_table(device, space, validation=nets)
    seconds = time.perf_counter() - begun
    line: Line = {"device": str(device.info), "seconds": round(seconds, 1), "entries": len(table.entries)}
    for name, judged in (("sums", table), ("calibrated", table.calibrated())):
        found = judged.validate()
        line |= {f"{name}_mape": found.mape, f"{name}_worst": found.worst, f"{name}_spearman": found.spearman}
    measured = sorted(one.measurement.latency_ms + one.measurement.overhead_ms for one in table.nets)
    yield line | {"noise": table.noise_floor, "nets_ms": [round(measured[0], 4), round(measured[-1], 4)]}
