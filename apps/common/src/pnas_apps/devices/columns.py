"""Columns of a table that commands of the user's own fill."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.device_settings import Dtype
from pnas_export import CommandMetric
from pnas_latency import LatencyTable
from pnas_ops import AnySpace, workloads


def command_metrics(
    commands: Mapping[str, str], *, threads: int, dtype: Dtype, cache: Cache, log: Path | None
) -> tuple[CommandMetric, ...]:
    """The commands of a command line, by the names of their columns.

    Raises:
        UserError: for one that is none.
    """
    try:
        return tuple(
            CommandMetric(name=name, template=text, threads=threads, dtype=dtype, cache=cache.conversions, log=log)
            for name, text in commands.items()
        )
    except ValueError as error:
        raise UserError(str(error)) from None


def with_columns(
    table: LatencyTable,
    space: AnySpace,
    metrics: Sequence[CommandMetric],
    reporter: Reporter,
    *,
    keep: Callable[[LatencyTable], None],
) -> LatencyTable:
    """The table with a column for each of the metrics, of which only what it lacks is measured.

    Args:
        table: with all workloads of the space.
        space: the search space.
        metrics: the commands.
        reporter: shows progress.
        keep: called with the table so far after each measurement.

    Raises:
        UserError: naming the command, and the block that it failed on.
    """
    for metric in metrics:
        missing = table.missing_column(metric.name, workloads(space))
        if not missing:
            continue
        try:
            with reporter.phases() as progress:
                for workload, value in metric.measure([missing], progress=progress):
                    if workload is None:
                        table = table.with_column(metric.name, {}, overhead=value)
                    else:
                        table = table.with_column(metric.name, {workload: value})
                    keep(table)
        except ValueError as error:
            raise UserError(f"{error}; what was measured is kept, and the same command goes on with it") from error
        reporter.console.print(f"  {metric.name} of {len(missing)} workloads measured now, by {metric.template!r}")
    return table
