"""A latency table, measured for a space on any device and judged by whole nets."""

from collections.abc import Sequence
from functools import reduce
from pathlib import Path

from pnas_apps.cli.resuming import resumes_from
from pnas_apps.devices.columns import try_metrics, with_columns
from pnas_apps.devices.known_tables import MEASURE_AGAIN, read_table_of
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.showing.device_tables import validation_table
from pnas_apps.showing.table_noise import noise_line
from pnas_export import CommandMetric
from pnas_latency import (
    MACS,
    Device,
    LatencyTable,
    MissingWorkloadsError,
    draw_validation,
    measure_table,
    validation_nets,
)
from pnas_ops import Space, save_figure


def make_table(
    device: Device,
    space: Space,
    path: Path,
    *,
    merge: Sequence[Path] = (),
    metrics: Sequence[CommandMetric] = (),
    fit: int,
    held_out: int,
    reporter: Reporter,
) -> LatencyTable:
    """Measures a table and the nets that judge it, resumes one that is there, and says how good it is.

    Where whole nets to calibrate with are in it, the table that is written is calibrated.

    Args:
        device: where to measure.
        space: all of whose workloads the table will hold.
        path: of the table, with the suffix .json; a picture of predicted against measured nets goes beside it.
        merge: other tables of this device whose entries are taken over.
        metrics: commands that fill more columns.
        fit: number of whole nets to calibrate with.
        held_out: number of whole nets to judge by; 0 for none.
        reporter: shows progress.

    Raises:
        UserError: naming a table that is damaged or of another device, or what the device could not measure.
    """
    if path.suffix != ".json":
        raise UserError(
            f"{path} cannot name a table: give a name that ends in .json (a picture and a log go next to it)"
        )
    resumes_from(path)
    info = device.info
    before = [read_table_of(info, path, way_out=f"{MEASURE_AGAIN}, or name another table")] if path.exists() else []
    found = [*before, *(read_table_of(info, one) for one in merge)]
    known = reduce(LatencyTable.merge, found) if found else None
    judges = validation_nets(space, cost=MACS, fit=fit, held_out=held_out) if fit + held_out else ()
    reporter.console.print(f"{space.name} at {space.resolution} pixels on\n  {info}", soft_wrap=True)
    # Now, not after the measuring, is when to refuse a folder that cannot be made.
    path.parent.mkdir(parents=True, exist_ok=True)
    try_metrics(metrics, reporter)
    try:
        with reporter.phases() as progress:
            table = measure_table(
                device, space, known=known, validation=judges, keep=lambda table: table.save(path), progress=progress
            )
        if any(not entry.held_out for entry in table.nets):
            table = table.calibrated()
        table.save(path)
        table = with_columns(table, space, metrics, reporter, keep=lambda table: table.save(path))
        _report(table, known, path, reporter)
    except (ValueError, MissingWorkloadsError) as error:
        kept = f"; the measurements so far are in {path}, and the same command resumes" if path.exists() else ""
        raise UserError(f"{error}{kept}") from error
    return table


def _report(table: LatencyTable, known: LatencyTable | None, path: Path, reporter: Reporter) -> None:
    """Says what is in the table, what is doubtful, and how far it is from whole nets; draws that."""
    before = 0 if known is None else len(known.entries) + len(known.nets)
    lines = [
        f"  {len(table.entries)} workloads and {len(table.nets)} nets in {path}, "
        f"{len(table.entries) + len(table.nets) - before} of them measured now"
    ]
    if noise := noise_line(table):
        lines.append(f"  {noise}. If you can, measure a new table while the machine is idle")
    reporter.console.print("\n".join(lines), soft_wrap=True)
    if any(entry.held_out for entry in table.nets):
        reporter.console.print(validation_table(table))
    if table.nets:
        picture = path.with_suffix(".png")
        save_figure(draw_validation(table), picture)
        reporter.console.print(f"  predicted and measured latency: {picture}", soft_wrap=True)
