"""Columns of a table that the user's own commands fill."""

from collections.abc import Callable, Mapping, Sequence
from math import fsum
from pathlib import Path
from typing import get_args

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.device_settings import Dtype
from pnas_export import CommandMetric, FileDtype
from pnas_latency import LatencyTable
from pnas_ops import (
    AnySpace,
    ModuleArchitecture,
    ModuleBuilder,
    ModuleSpace,
    ModuleWorkload,
    Workload,
    workloads,
)


def command_metrics(
    commands: Mapping[str, str], *, threads: int, dtype: Dtype, cache: Cache, log: Path | None
) -> tuple[CommandMetric, ...]:
    """The commands of a command line, by the names of their columns.

    Raises:
        UserError: for one that is none.
    """
    if dtype not in get_args(FileDtype):
        for name in commands:
            raise UserError(
                f"--metric {name} needs TFLite files, and there are none in {dtype}: leave it out, or leave out --dtype"
            )
    of_files: FileDtype = "int8" if dtype == "int8" else "float32"
    try:
        return tuple(
            CommandMetric(name=name, template=text, threads=threads, dtype=of_files, cache=cache.conversions, log=log)
            for name, text in commands.items()
        )
    except ValueError as error:
        raise UserError(str(error)) from None


def try_metrics(metrics: Sequence[CommandMetric], reporter: Reporter) -> None:
    """Runs each command once, on a file that computes next to nothing, so that a failure shows at the start.

    Raises:
        UserError: naming the command.
    """
    if not metrics:
        return
    try:
        for metric in reporter.counted("trying the commands of --metric", metrics, len(metrics), "commands"):
            metric.of_a_call()
    except ValueError as error:
        raise UserError(str(error)) from error


def with_columns(
    table: LatencyTable,
    space: AnySpace,
    metrics: Sequence[CommandMetric],
    reporter: Reporter,
    *,
    keep: Callable[[LatencyTable], None],
    build: ModuleBuilder | None = None,
) -> LatencyTable:
    """The table with a column for each of the metrics, of which only what it lacks is measured.

    What a `ModuleSpace` has beside its places costs what its lightest net costs beside these.

    Args:
        table: with all workloads of the space.
        space: the search space.
        metrics: the commands.
        reporter: shows progress.
        keep: called with the table so far after each measurement.
        build: makes the modules and the nets of a `ModuleSpace`.

    Raises:
        UserError: naming the command, and the block that it failed on.
    """
    for metric in metrics:
        missing = table.missing_column(metric.name, workloads(space))
        if not missing:
            continue
        rests = [space.rest] if isinstance(space, ModuleSpace) and space.rest in missing else []
        nets = [space.lightest] if isinstance(space, ModuleSpace) and rests else []
        row = [workload for workload in missing if workload not in rests]
        try:
            with reporter.phases() as progress:
                for key, value in metric.measure([row], nets, build=build, progress=progress):
                    match key:
                        case None:
                            table = table.with_column(metric.name, {}, overhead=value)
                        case Workload() | ModuleWorkload():
                            table = table.with_column(metric.name, {key: value})
                        case ModuleArchitecture():
                            rest = max(0.0, value - _at_places(table, metric.name, key))
                            table = table.with_column(metric.name, {key.rest: rest})
                    keep(table)
        except ValueError as error:
            raise UserError(f"{error}; the measurements so far are kept, and the same command resumes") from error
        reporter.console.print(f"  {metric.name} of {len(missing)} workloads measured now, by {metric.template!r}")
    return table


def _at_places(table: LatencyTable, column: str, net: ModuleArchitecture) -> float:
    """What stands at a net's places costs."""
    values = {entry.workload: entry.columns[column] for entry in table.entries if column in entry.columns}
    standing = (place.candidates[0] for place in net.places)
    return fsum(values[workload] for workload in standing if not workload.computes_nothing)
