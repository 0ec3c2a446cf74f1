"""The first step: the latency table that a run searches with."""

from pathlib import Path

from attrs import frozen
from rich.console import Console

from pnas_apps.devices.cached_tables import cached_table
from pnas_apps.devices.known_tables import read_table
from pnas_apps.devices.target import TargetDevice, target_device
from pnas_apps.ground.errors import UserError
from pnas_apps.run.run import Run
from pnas_latency import ForeignTableError, LatencyTable, MissingWorkloadsError, check_budget
from pnas_ops import save_json, write_atomically


@frozen(kw_only=True)
class TableChoice:
    """What a command line says of the table.

    Attributes:
        path: a table to search with; None to measure one.
        foreign: whether it may be that of another device than the run's.
    """

    path: Path | None = None
    foreign: bool = False


@frozen(kw_only=True, eq=False)
class Tabled:
    """A run's device, and the table that predicts what nets take on it."""

    device: TargetDevice
    table: LatencyTable

    def show(self, console: Console) -> None:
        """Nothing: the step has said which table it is."""


def find_table(run: Run, choice: TableChoice) -> Tabled:
    """The table of an interrupted run, or the one that the command line names, or one that is measured.

    Leaves in the run's folder what is known before the search: labels, preprocessing, the table.

    Raises:
        UserError: for a table that cannot be used, and a device that cannot measure one.
        InfeasibleBudgetError: for a budget that no net of the space is within.
    """
    device = target_device(run.target, cache=run.cache, log=run.folder.converter_log)

    def begin() -> LatencyTable:
        save_json(run.preprocessing, run.folder.preprocessing)
        write_atomically(run.folder.labels, "".join(f"{name}\n" for name in run.task.train.classes))
        table = _find(run, device, choice)
        check_budget(run.task.space, table, run.budget)
        table.save(run.folder.table)
        return table

    table = run.processes.first(begin)
    run.reporter.console.print(f"  {table.device}, measured on {table.measured_on}")
    return Tabled(device=device, table=table)


def _find(run: Run, device: TargetDevice, choice: TableChoice) -> LatencyTable:
    space, begun_with = run.task.space, run.folder.table
    if choice.path is None and not begun_with.exists():
        return cached_table(device, space, run.cache, run.reporter)
    path = begun_with if choice.path is None else choice.path
    table = read_table(path)
    if begun_with.exists() and table != read_table(begun_with):
        raise UserError(f"{run.folder.path} was begun with another table than {path}: leave out --table")
    try:
        # A run that goes on with its own table has been told already.
        table.check_fits(space, None if choice.foreign or choice.path is None else device.info)
    except MissingWorkloadsError as error:
        raise UserError(
            f"{path} is a table of another space: {error.what}: add them with the command table, or leave out --table"
        ) from None
    except ForeignTableError as error:
        raise UserError(
            f"{path} is a table of another device: {error.what}: measure one on {error.want}; or add --foreign-table"
        ) from None
    return table
