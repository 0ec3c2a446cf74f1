"""From a device to a table."""

from datetime import date

from attrs import evolve

from pnas_latency.device import Device
from pnas_latency.entries import TableEntry
from pnas_latency.table import LatencyTable
from pnas_ops import Architecture, Progress, SearchSpace, workloads


def measure_table(
    device: Device,
    net: SearchSpace | Architecture,
    *,
    known: LatencyTable | None = None,
    progress: Progress | None = None,
) -> LatencyTable:
    """The latencies of every workload of `net`, of which only those that `known` lacks are measured.

    Args:
        device: where to measure.
        net: all of whose workloads the table will hold.
        known: an earlier table of the same device; its entries are kept.
        progress: told how far it is.

    Raises:
        ValueError: for a `known` table of another device.
    """
    today = date.today().isoformat()
    if known is None:
        known = LatencyTable(device=device.info, measured_on=today, entries=())
    if known.device != device.info:
        raise ValueError(f"a table of {known.device} cannot be continued on {device.info}: start a new table")
    rows = workloads(net)
    missing = set(known.missing(rows))
    if not missing:
        return known
    wanted = [[workload for workload in row if workload in missing] for row in rows]
    measured = device.measure([row for row in wanted if row], progress=progress)
    entries = (TableEntry(workload=workload, measurement=measurement) for workload, measurement in measured)
    return evolve(known, measured_on=today, entries=(*known.entries, *entries))
