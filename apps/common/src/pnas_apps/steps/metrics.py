"""Costs that commands of the user measure."""

from collections.abc import Sequence
from pathlib import Path

from pnas_apps.devices.columns import command_metrics
from pnas_apps.ground.errors import UserError
from pnas_apps.run.run import Run
from pnas_export import CommandMetric


def run_metrics(run: Run) -> tuple[CommandMetric, ...]:
    """The commands of a run."""
    return command_metrics(
        run.metrics,
        threads=run.target.threads,
        dtype=run.target.dtype,
        cache=run.cache,
        log=run.folder.converter_log,
    )


def costs_of_file(metrics: Sequence[CommandMetric], file: Path) -> dict[str, float]:
    """The costs of a file by commands, by the names of the columns.

    Raises:
        UserError: naming the command that fails.
    """
    try:
        return {metric.name: metric.of_file(file) for metric in metrics}
    except ValueError as error:
        raise UserError(str(error)) from error
