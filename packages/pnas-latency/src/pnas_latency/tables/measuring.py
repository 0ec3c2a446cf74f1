"""From a device to a table, or to the latency of one net."""

import statistics
from collections.abc import Callable, Sequence
from datetime import date

from attrs import evolve

from pnas_latency.tables.device import Device
from pnas_latency.tables.entries import NetEntry, TableEntry
from pnas_latency.tables.provenance import ForeignTableError, differing_fields
from pnas_latency.tables.table import LatencyTable
from pnas_latency.tables.validation_nets import ValidationNet
from pnas_ops import Architecture, Progress, Space, workloads


def measure_table(
    device: Device,
    net: Space | Architecture,
    *,
    known: LatencyTable | None = None,
    validation: Sequence[ValidationNet] = (),
    keep: Callable[[LatencyTable], None] | None = None,
    progress: Progress | None = None,
) -> LatencyTable:
    """The latencies of every workload of `net`, of which only those that `known` lacks are measured.

    Args:
        device: where to measure.
        net: all of whose workloads the table will hold.
        known: an earlier table of the same device; its entries and nets are kept.
        validation: whole nets to measure among the workloads, of which `known` has none yet.
        keep: called with the table so far after each measurement, so that an interruption loses none:
            `lambda table: table.save(path)`. A device that measures all in turns has one moment to call it.
        progress: told how far it is.

    Raises:
        ForeignTableError: for a `known` table of another device.
    """
    today = date.today().isoformat()
    table = known or LatencyTable(device=device.info, measured_on=today, entries=())
    if table.device != device.info:
        raise ForeignTableError(
            f"a table of {table.device} cannot be continued on {device.info}",
            "start a new table",
            have=table.device,
            want=device.info,
            differing=differing_fields(table.device, device.info),
        )
    rows = workloads(net)
    missing = set(table.missing(rows))
    had = {(entry.architecture.resolution, entry.architecture.blocks) for entry in table.nets}
    judges = {
        one.architecture: one for one in validation if (one.architecture.resolution, one.architecture.blocks) not in had
    }
    if not missing and not judges:
        return table
    wanted = [[workload for workload in row if workload in missing] for row in rows]
    for key, measurement in device.measure([row for row in wanted if row], nets=list(judges), progress=progress):
        if isinstance(key, Architecture):
            table = evolve(table, nets=(*table.nets, judges[key].measured(measurement)))
        else:
            table = evolve(table, entries=(*table.entries, TableEntry(workload=key, measurement=measurement)))
        table = evolve(table, measured_on=today, noise_floor=_noise_floor(table.entries, table.nets))
        if keep is not None:
            keep(table)
    return table


def measure_net_ms(device: Device, architecture: Architecture, *, progress: Progress | None = None) -> float:
    """The latency of one whole net, the cost of a call included: what `LatencyTable.predict_ms` predicts.

    Args:
        device: where to measure.
        architecture: the net.
        progress: told how far it is.
    """
    ((_, measurement),) = device.measure([], nets=[architecture], progress=progress)
    return measurement.latency_ms + measurement.overhead_ms


def _noise_floor(entries: Sequence[TableEntry], nets: Sequence[NetEntry]) -> float:
    """The median drift of the nets, which predictions are compared with, or else of the workloads."""
    return statistics.median(entry.measurement.drift for entry in nets or entries)
