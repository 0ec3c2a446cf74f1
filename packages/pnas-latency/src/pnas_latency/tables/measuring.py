"""From a device to a table, or to the latency of one net."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from inspect import signature
from itertools import chain

from attrs import evolve

from pnas_latency.tables.device import Device
from pnas_latency.tables.entries import NetEntry, TableEntry
from pnas_latency.tables.provenance import ForeignTableError, differing_fields
from pnas_latency.tables.rest import net_for_rest, rest_entry
from pnas_latency.tables.table import LatencyTable
from pnas_latency.tables.validation_nets import ValidationNet
from pnas_ops import (
    AnyNet,
    AnySpace,
    AnyWorkload,
    HasCostTerms,
    Measurement,
    ModuleArchitecture,
    ModuleBuilder,
    ModuleWorkload,
    NoBuilderError,
    Progress,
    Workload,
    workloads,
)


def measure_table(
    device: Device,
    net: AnySpace | AnyNet | HasCostTerms,
    *,
    build: ModuleBuilder | None = None,
    known: LatencyTable | None = None,
    validation: Sequence[ValidationNet] = (),
    keep: Callable[[LatencyTable], None] | None = None,
    progress: Progress | None = None,
) -> LatencyTable:
    """A table with the latency of every workload of `net`; only those that `known` lacks are measured.

    For a `ModuleSpace`, the workloads are the candidates of its places, and the rest of the net. The rest is what the
    net of the lightest candidates, measured whole in the same session, takes beside these candidates. Where that is
    nothing within the noise, it is 0.

    Args:
        device: where to measure.
        net: the space or net whose workloads the table will all hold.
        build: makes the modules of a `ModuleSpace` or of a net of one; None for a space of blocks.
        known: an earlier table of the same device; its entries and nets are kept.
        validation: whole nets to measure among the workloads; `known` must not have them yet.
        keep: called with the table so far after each measurement, so that an interruption loses none:
            `lambda table: table.save(path)`. With a device that measures everything in turns, that is at the end.
        progress: told how far it is.

    Raises:
        ForeignTableError: for a `known` table of another device.
        NoBuilderError: for a `ModuleSpace` without `build`.
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
    had = {workloads(entry.architecture) for entry in table.nets}
    judges = {workloads(one.architecture): one for one in validation if workloads(one.architecture) not in had}
    nets: dict[object, AnyNet] = {}
    telling = net_for_rest(net)
    if telling is None or telling.rest not in missing:
        telling = None
    else:
        missing.remove(telling.rest)
        # Its candidates again, even where they are known: in the same session as the whole net.
        missing.update(one for (one,) in workloads(telling)[1:] if not one.computes_nothing)
        # The first of the nets, since the others say nothing without the rest.
        nets[workloads(telling)] = telling
    nets |= {key: one.architecture for key, one in judges.items()}
    wanted = [list(dict.fromkeys(workload for workload in row if workload in missing)) for row in rows]
    if not any(wanted) and not nets:
        return table
    for key, measurement in _measured(device, [row for row in wanted if row], list(nets.values()), build, progress):
        if isinstance(key, Workload | ModuleWorkload):
            table = table.with_entry(TableEntry(workload=key, measurement=measurement))
        else:
            if workloads(key) in judges:
                table = evolve(table, nets=(*table.nets, judges[workloads(key)].measured(measurement)))
            if telling is not None and workloads(key) == workloads(telling):
                table = table.with_entry(rest_entry(telling, measurement.at(table.probe_ms), table.measurements))
        table = evolve(table, measured_on=today, noise_floor=_noise_floor(table.entries, table.nets))
        if keep is not None:
            keep(table)
    return table


def measure_net_ms(
    device: Device,
    architecture: AnyNet,
    *,
    build: ModuleBuilder | None = None,
    probe_ms: float | None = None,
    progress: Progress | None = None,
) -> float:
    """The latency of one whole net, including the overhead of a call: what `LatencyTable.predict_ms` predicts.

    Args:
        device: where to measure.
        architecture: the net.
        build: makes the module of a net of a `ModuleSpace`; None for a net of blocks.
        probe_ms: the machine speed to convert it to, such as `LatencyTable.probe_ms`; None for the present speed.
        progress: told how far it is.

    Raises:
        NoBuilderError: for a net of a `ModuleSpace` without `build`.
    """
    ((_, measurement),) = _measured(device, [], [architecture], build, progress)
    return measurement.at(probe_ms).total_ms


def _measured(
    device: Device,
    rows: Sequence[Sequence[AnyWorkload]],
    nets: Sequence[AnyNet],
    build: ModuleBuilder | None,
    progress: Progress | None,
) -> Iterator[tuple[AnyWorkload | AnyNet, Measurement]]:
    measure: Callable[..., Iterator[tuple[AnyWorkload | AnyNet, Measurement]]] = device.measure
    if not any(isinstance(one, ModuleWorkload | ModuleArchitecture) for one in (*chain(*rows), *nets)):
        return measure(rows, nets=nets, progress=progress)
    if build is None:
        raise NoBuilderError("a net of a user's own module needs a builder", "pass build=..., which makes its modules")
    try:
        signature(measure).bind(rows, nets=nets, build=build, progress=progress)
    except TypeError:
        raise NoBuilderError(
            f"the device {device.info} measures blocks only", "give its `measure` the keyword `build`, or take another"
        ) from None
    return measure(rows, nets=nets, build=build, progress=progress)


def _noise_floor(entries: Sequence[TableEntry], nets: Sequence[NetEntry]) -> float:
    """The median drift of the nets, since predictions are compared with these; without nets, of the workloads."""
    return statistics.median(entry.measurement.drift for entry in nets or entries)
