"""Latency tables: measured for a space on any device, judged by whole nets, kept in a cache for the runs here."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pnas_apps.errors import UserError
from pnas_apps.pictures import draw_validation
from pnas_apps.progress import Reporter
from pnas_apps.results import validation_table
from pnas_latency import MACS, Device, LatencyTable, measure_table, validation_nets
from pnas_ops import DeviceInfo, SearchSpace, workloads


def cached_table(device: Device, space: SearchSpace, cache: Path, reporter: Reporter) -> LatencyTable:
    """The table of `device` with every workload of `space`, of which only those that the cache lacks are measured.

    Args:
        device: where to measure.
        space: the search space.
        cache: a folder with one table for each device, runtime, version, number of threads and dtype.
        reporter: shows progress.

    Raises:
        UserError: naming a damaged table in the cache.
    """
    path = cache / _file_name(device.info)
    known = read_table(path) if path.exists() else None
    rows = workloads(space)
    with reporter.phases() as progress:
        table = measure_table(device, space, known=known, progress=progress)
    wanted = {workload for row in rows for workload in row if not workload.block.computes_nothing}
    measured = len(table.entries) - (0 if known is None else len(known.entries))
    reporter.console.print(f"  {len(wanted)} workloads: {measured} measured now, {len(wanted) - measured} from {path}")
    if measured:
        table.save(path)
    return table


def make_table(
    device: Device,
    space: SearchSpace,
    path: Path,
    *,
    merge: Sequence[Path] = (),
    fit: int,
    held_out: int,
    reporter: Reporter,
) -> LatencyTable:
    """Measures a table and the nets that judge it, goes on with one that is there, and says how good it is.

    Args:
        device: where to measure.
        space: all of whose workloads the table will hold.
        path: of the table; a picture of predicted against measured nets goes beside it.
        merge: other tables of this device whose entries are taken over.
        fit: number of whole nets to calibrate with.
        held_out: number of whole nets to judge by; 0 for none.
        reporter: shows progress.

    Raises:
        UserError: naming a table that is damaged or of another device.
    """
    known = read_table(path) if path.exists() else None
    judges = validation_nets(space, costs=MACS.costs(space), fit=fit, held_out=held_out) if fit + held_out else ()
    reporter.console.print(f"{space.name} at {space.resolution} pixels on {device.info}")
    try:
        for other in map(read_table, merge):
            known = other if known is None else known.merge(other)
        with reporter.phases() as progress:
            table = measure_table(
                device, space, known=known, validation=judges, keep=lambda table: table.save(path), progress=progress
            )
    except ValueError as error:
        raise UserError(str(error)) from error
    table.save(path)
    noisy = [entry.workload for entry in table.entries if entry.measurement.noisy]
    reporter.console.print(
        f"  {len(table.entries)} workloads and {len(table.nets)} nets in {path}, {len(noisy)} of the workloads noisy"
        f"{': ' if noisy else ''}{'; '.join(map(str, noisy[:5]))}"
    )
    if any(entry.held_out for entry in table.nets):
        calibrated = table.calibrated() if any(not entry.held_out for entry in table.nets) else None
        reporter.console.print(validation_table(table, calibrated))
        draw_validation(table, path.with_suffix(".png"))
        reporter.console.print(f"  predicted against measured: {path.with_suffix('.png')}")
    return table


def read_table(path: Path) -> LatencyTable:
    """A table that `LatencyTable.save` wrote.

    Raises:
        UserError: naming a file that is not there or not a table.
    """
    try:
        return LatencyTable.load(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{error}: measure it again, or name another table") from None


def _file_name(info: DeviceInfo) -> str:
    digest = hashlib.sha256(repr(info).encode()).hexdigest()[:8]
    return f"{info.runtime}-{info.runtime_version}-{info.dtype}-{info.threads}-{digest}.json"
