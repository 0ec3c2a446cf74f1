"""Latency tables: measured for a space on any device, judged by whole nets, kept in a cache for the runs here."""

import hashlib
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

from attrs import evolve

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.showing.terminal_tables import validation_table
from pnas_latency import (
    MACS,
    Device,
    LatencyTable,
    MissingWorkloadsError,
    draw_validation,
    measure_table,
    validation_nets,
)
from pnas_ops import DeviceInfo, Space, save_figure, workloads

_NAMED_NOISY = 5
_CALIBRATION_NETS = 6

_PROTOCOL = 3
"""Of measuring. Tables of an earlier one would be mixed with those of today, and nets predicted from both."""


def cached_table(device: Device, space: Space, cache: Path, reporter: Reporter) -> LatencyTable:
    """The table of `device` with every workload of `space`, of which only those that the cache lacks are measured.

    It is calibrated with a few whole nets of the space, measured among the blocks: small blocks that are timed without
    them stay in the caches, and nets of hundredths of a millisecond come out a third too fast.

    Args:
        device: where to measure.
        space: the search space.
        cache: a folder with one table for each device, runtime, version, number of threads and dtype.
        reporter: shows progress.

    Raises:
        UserError: naming a table in the cache that is damaged or of another device, or what could not be measured.
    """
    path = cache / _file_name(device.info)
    known = _read_table_of(device.info, path) if path.exists() else None
    rows = workloads(space)
    try:
        with reporter.phases() as progress:
            judges = validation_nets(space, costs=MACS.costs(space), fit=_CALIBRATION_NETS, held_out=0)
            table = measure_table(device, space, known=known, validation=judges, progress=progress)
    except ValueError as error:
        raise UserError(str(error)) from error
    wanted = {workload for row in rows for workload in row if not workload.block.computes_nothing}
    measured = len(table.entries) - (0 if known is None else len(known.entries))
    reporter.console.print(f"  {len(wanted)} workloads: {measured} measured now, {len(wanted) - measured} from {path}")
    if table != known:
        table.save(path)
    # Nets of other spaces, which the cache holds too, have other errors.
    return evolve(table, nets=tuple(entry for entry in table.nets if space.has(entry.architecture))).calibrated()


def make_table(
    device: Device,
    space: Space,
    path: Path,
    *,
    merge: Sequence[Path] = (),
    fit: int,
    held_out: int,
    reporter: Reporter,
) -> LatencyTable:
    """Measures a table and the nets that judge it, goes on with one that is there, and says how good it is.

    Where whole nets to calibrate with are in it, the table that is written is calibrated.

    Args:
        device: where to measure.
        space: all of whose workloads the table will hold.
        path: of the table, with the suffix .json; a picture of predicted against measured nets goes beside it.
        merge: other tables of this device whose entries are taken over.
        fit: number of whole nets to calibrate with.
        held_out: number of whole nets to judge by; 0 for none.
        reporter: shows progress.

    Raises:
        UserError: naming a table that is damaged or of another device, or what the device could not measure.
    """
    if path.suffix != ".json":
        raise UserError(f"{path} is no name for a table, beside which a picture and a log go: let it end in .json")
    info = device.info
    found = [_read_table_of(info, one) for one in (*([path] if path.exists() else []), *merge)]
    known = reduce(LatencyTable.merge, found) if found else None
    judges = validation_nets(space, costs=MACS.costs(space), fit=fit, held_out=held_out) if fit + held_out else ()
    reporter.console.print(f"{space.name} at {space.resolution} pixels on\n  {info}", soft_wrap=True)
    # Now, not after the measuring, is when a folder that cannot be is told.
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with reporter.phases() as progress:
            table = measure_table(
                device, space, known=known, validation=judges, keep=lambda table: table.save(path), progress=progress
            )
        if any(not entry.held_out for entry in table.nets):
            table = table.calibrated()
        table.save(path)
        _report(table, known, path, reporter)
    except (ValueError, MissingWorkloadsError) as error:
        kept = f"; what was measured is in {path}, and the same command goes on with it" if path.exists() else ""
        raise UserError(f"{error}{kept}") from error
    return table


def _report(table: LatencyTable, known: LatencyTable | None, path: Path, reporter: Reporter) -> None:
    """Says what is in the table, what is doubtful, and how far it is from whole nets; draws that."""
    before = 0 if known is None else len(known.entries) + len(known.nets)
    lines = [
        f"  {len(table.entries)} workloads and {len(table.nets)} nets in {path}, "
        f"{len(table.entries) + len(table.nets) - before} of them measured now"
    ]
    if noisy := _noisy(table):
        more = f" and {len(noisy) - _NAMED_NOISY} more" if len(noisy) > _NAMED_NOISY else ""
        lines.append(
            f"  {len(noisy)} of them still noisy when measured again: {'; '.join(noisy[:_NAMED_NOISY])}{more}. "
            "Measure a new table while the machine does nothing else, if you can"
        )
    reporter.console.print("\n".join(lines), soft_wrap=True)
    if any(entry.held_out for entry in table.nets):
        reporter.console.print(validation_table(table))
    if table.nets:
        picture = path.with_suffix(".png")
        save_figure(draw_validation(table), picture)
        reporter.console.print(f"  predicted against measured: {picture}", soft_wrap=True)


def read_table(path: Path) -> LatencyTable:
    """A table that `LatencyTable.save` wrote.

    Raises:
        UserError: naming a file that is not there or not a table.
    """
    try:
        return LatencyTable.load(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): name another table") from None
    except ValueError as error:
        raise UserError(f"{error}: delete it to measure anew, or name another table") from None


def _read_table_of(device: DeviceInfo, path: Path) -> LatencyTable:
    table = read_table(path)
    if table.device != device:
        raise UserError(f"{path} is a table of {table.device}, not of {device}: name another file, or its device")
    return table


def _noisy(table: LatencyTable) -> list[str]:
    blocks = [str(entry.workload) for entry in table.entries if entry.measurement.noisy]
    return blocks + [f"net {entry.architecture.name}" for entry in table.nets if entry.measurement.noisy]


def _file_name(info: DeviceInfo) -> str:
    digest = hashlib.sha256(f"{info!r} {_PROTOCOL}".encode()).hexdigest()[:8]
    return f"{info.runtime}-{info.runtime_version}-{info.dtype}-{info.threads}-{digest}.json"
