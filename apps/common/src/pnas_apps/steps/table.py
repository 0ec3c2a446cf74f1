"""The first step: the latency table that a run searches with."""

from datetime import date
from pathlib import Path

from attrs import evolve, frozen
from rich.console import Console

from pnas_apps.devices.cached_tables import cached_table, whole_cached_table
from pnas_apps.devices.known_tables import read_table
from pnas_apps.devices.target import TargetDevice, target_device
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.run.folder import RunFolder
from pnas_apps.run.objective_config import ObjectiveConfig
from pnas_apps.run.run import Run
from pnas_apps.steps.objective import check_objective
from pnas_apps.steps.rewards import check_file_bytes
from pnas_latency import Budget, ForeignTableError, LatencyTable, MissingWorkloadsError, check_budget
from pnas_ops import DeviceInfo, PnasError, Space, to_json
from pnas_supernet import has_checkpoint


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
        files, space = run.folder.files, run.task.space
        files.save(run.preprocessing, run.folder.preprocessing)
        files.write(run.folder.labels, "".join(f"{name}\n" for name in run.task.train.classes))
        before = run.kept(run.folder.table, LatencyTable.load)
        table = _given_table(space, device.info, run.folder, choice, before)
        if table is None:
            table = cached_table(device, space, run.cache, run.reporter)
        files.save(table, run.folder.table)
        _check_limits(space, table, run.budget, run.preset.objective)
        return table

    table = run.processes.first(begin)
    run.reporter.console.print(f"  {table.device}, measured on {table.measured_on}")
    return Tabled(device=device, table=table)


def check_limits(
    space: Space,
    info: DeviceInfo,
    folder: RunFolder,
    cache: Cache,
    choice: TableChoice,
    *,
    budget: Budget,
    objective: ObjectiveConfig,
) -> None:
    """Refuses what this step would refuse, as far as that can be told before anything is written or measured.

    Where there is no table yet, that is all but the latency.

    Raises:
        UserError: for a table that cannot be used, and an objective that does not fit it or the space.
        InfeasibleBudgetError: for a budget that no net of the space is within.
    """
    if objective.form == "reinforce" and objective.reward_cost == "file-bytes":
        check_file_bytes(space)
    table = _given_table(space, info, folder, choice, _intact_table(folder)) or whole_cached_table(info, space, cache)
    if table is None:
        nothing = LatencyTable(device=info, measured_on=date.today().isoformat(), entries=())
        check_budget(space, nothing, evolve(budget, latency_ms=None))
    else:
        _check_limits(space, table, budget, objective)


def _check_limits(space: Space, table: LatencyTable, budget: Budget, objective: ObjectiveConfig) -> None:
    check_budget(space, table, budget)
    check_objective(objective, space, table, budget)


def _intact_table(folder: RunFolder) -> LatencyTable | None:
    """That of a run that was begun; None where there is none, or a damaged one."""
    try:
        folder.files.check(folder.table)
        return LatencyTable.load(folder.table)
    except (FileNotFoundError, PnasError):
        return None


def _given_table(
    space: Space, info: DeviceInfo, folder: RunFolder, choice: TableChoice, before: LatencyTable | None
) -> LatencyTable | None:
    """The one that the command line names, or `before`, that of the run; None where one is to be measured."""
    path = choice.path or folder.table
    table = before if choice.path is None else read_table(choice.path)
    if has_checkpoint(folder.search_checkpoint):
        if before is None:
            _refuse_unlike_the_damaged(folder, table)
        elif table != before:
            raise UserError(f"{folder.path} was begun with another table than {path}: leave out --table")
    if table is None:
        return None
    try:
        # A run that goes on with its own table has been told already.
        table.check_fits(space, None if choice.foreign or choice.path is None else info)
    except MissingWorkloadsError as error:
        raise UserError(
            f"{path} is a table of another space: {error.what}: add them with the command table, or leave out --table"
        ) from None
    except ForeignTableError as error:
        raise UserError(
            f"{path} is a table of another device: {error.what}: measure one on {error.want}; or add --foreign-table"
        ) from None
    return table


def _refuse_unlike_the_damaged(folder: RunFolder, table: LatencyTable | None) -> None:
    """Where a search was begun with a table that has been damaged since, it goes on with that one only."""
    if not folder.table.exists():
        return
    same = table is not None and folder.files.was(folder.table, to_json(table))
    if same is False:
        raise UserError(
            f"the search in {folder.path} was begun with the table that {folder.table.name} held before it was "
            "damaged, which is not measured the same again: name that table with --table, or give another --run-dir"
        )
