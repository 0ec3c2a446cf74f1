"""Tables of numbers that are easy to add up."""

from collections.abc import Iterator, Sequence

from pnas_latency import LatencyTable, TableEntry
from pnas_ops import AnyNet, AnyWorkload, Architecture, DeviceInfo, Measurement, Progress, Space, workloads

DEVICE = DeviceInfo(device="board", runtime="fake", runtime_version="1", threads=1, dtype="float32")


def measurement(latency_ms: float, overhead_ms: float = 0.0) -> Measurement:
    """A measurement that says no more than its latency."""
    return Measurement(latency_ms=latency_ms, overhead_ms=overhead_ms, p25_ms=1, median_ms=1, p75_ms=1, count=2)


def uniform_table(net: Space | Architecture, latency_ms: float = 1.0) -> LatencyTable:
    """A table in which every workload of `net` takes as long."""
    found = dict.fromkeys(w for row in workloads(net) for w in row if not w.block.computes_nothing)
    entries = tuple(TableEntry(workload=workload, measurement=measurement(latency_ms)) for workload in found)
    return LatencyTable(device=DEVICE, measured_on="2025-01-02", entries=entries)


class RowsDevice:
    """A device on which every workload takes a millisecond; `rows` are those that it was asked for last."""

    info = DEVICE

    def measure(
        self,
        rows: Sequence[Sequence[AnyWorkload]],
        *,
        nets: Sequence[AnyNet] = (),
        progress: Progress | None = None,
    ) -> Iterator[tuple[AnyWorkload | AnyNet, Measurement]]:
        self.rows = rows
        return iter([(workload, measurement(1.0)) for workload in dict.fromkeys(w for row in rows for w in row)])
