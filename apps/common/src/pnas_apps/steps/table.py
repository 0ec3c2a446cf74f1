"""The first step: the latency table that a run searches with."""

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from rich.console import Console

from pnas_apps.devices.cached_tables import cached_table, whole_cached_table
from pnas_apps.devices.columns import with_columns
from pnas_apps.devices.known_tables import read_table
from pnas_apps.devices.target import target_device
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.folder import KeptRun
from pnas_apps.run.objective_config import ObjectiveConfig
from pnas_apps.run.run import Run
from pnas_apps.showing.table_noise import noise_line
from pnas_apps.steps.metrics import run_metrics
from pnas_apps.steps.needless_limits import needless_by_table
from pnas_apps.steps.objective import check_objective
from pnas_apps.steps.rewards import check_file_bytes
from pnas_export import CommandMetric
from pnas_latency import Budget, Device, ForeignTableError, LatencyTable, MissingWorkloadsError, check_budget
from pnas_ops import AnySpace, DeviceInfo, ModuleBuilder, PnasError, to_json, workloads
from pnas_supernet import has_checkpoint


@frozen(kw_only=True)
class TableChoice:
    """The table that a command line names.

    Attributes:
        path: a table to search with; None to measure one.
        foreign: whether it may be that of another device than the run's.
    """

    path: Path | None = None
    foreign: bool = False


@frozen(kw_only=True, eq=False)
class Tabled:
    """A run's device, and the table that predicts what nets take on it."""

    device: Device
    table: LatencyTable

    def show(self, console: Console) -> None:
        """Nothing: the step has said which table it is."""


def find_table(run: Run, choice: TableChoice) -> Tabled:
    """The table of an interrupted run, or the one that the command line names, or one that is measured.

    Leaves in the run's folder what is known before the search: labels, preprocessing, the table.

    Raises:
        UserError: for a table that cannot be used, and a device that cannot measure one.
        InfeasibleBudgetError: for limits that no net of the space keeps.
    """
    device = target_device(run.target, cache=run.cache, log=run.folder.converter_log)

    def begin() -> LatencyTable:
        files = run.folder.files
        files.save(run.preprocessing, run.folder.preprocessing)
        files.write(run.folder.labels, "".join(f"{name}\n" for name in run.task.train.classes))
        return table_for(
            run.task.space,
            device,
            run.folder,
            run.cache,
            choice,
            budget=run.budget,
            metrics=run_metrics(run),
            objective=run.preset.objective,
            reporter=run.reporter,
        )

    return Tabled(device=device, table=run.processes.first(begin))


def table_for(
    space: AnySpace,
    device: Device,
    folder: KeptRun[Any],
    cache: Cache,
    choice: TableChoice,
    *,
    budget: Budget,
    metrics: Sequence[CommandMetric] = (),
    objective: ObjectiveConfig,
    reporter: Reporter,
    build: ModuleBuilder | None = None,
) -> LatencyTable:
    """The table of a run, which is in its folder then.

    Args:
        space: the space that it is of.
        device: the device that it is of.
        folder: of the run.
        cache: of tables.
        choice: what the command line says of it.
        budget: what the net may cost.
        metrics: commands that fill columns of the table.
        objective: how costs enter the search.
        reporter: shows progress.
        build: makes the modules and the nets of a `ModuleSpace`.

    Raises:
        UserError, InfeasibleBudgetError: as `find_table`.
    """
    before = folder.files.kept(folder.table, LatencyTable.load, reporter.warn)
    table = _given_table(space, device.info, folder, choice, before)
    if table is None:
        table = cached_table(device, space, cache, reporter, build=build)
    table = with_columns(
        table, space, metrics, reporter, keep=lambda table: folder.files.save(table, folder.table), build=build
    )
    folder.files.save(table, folder.table)
    _check_limits(space, table, budget, objective)
    reporter.console.print(f"  {table.device}, measured on {table.measured_on}")
    for line in needless_by_table(space, table, budget):
        reporter.warn(f"  {line}")
    if noise := noise_line(table):
        again = "a new run measures these again" if choice.path is None else "measure a new table"
        reporter.warn(f"  {noise}. If you can, start while the machine is idle: {again}")
    return table


def check_limits(
    space: AnySpace,
    info: DeviceInfo,
    folder: KeptRun[Any],
    cache: Cache,
    choice: TableChoice,
    *,
    budget: Budget,
    metrics: Collection[str],
    objective: ObjectiveConfig,
) -> None:
    """Refuses what this step would refuse, as far as that shows before anything is written or measured.

    Where there is no table yet, that is all but the latency and its other columns; columns that are to be filled by
    `metrics` are left out anyway.

    Raises:
        UserError: for a table that cannot be used, and an objective that does not fit it or the space.
        InfeasibleBudgetError: for limits that no net of the space keeps.
    """
    if objective.form == "reinforce" and objective.reward_cost == "file-bytes":
        check_file_bytes(space)
    table = known_table(space, info, folder, cache, choice)
    if table is None:
        _check_columns(None, space, budget, metrics)
        check_budget(space, empty_table(info), evolve(budget, latency_ms=None, columns={}))
    else:
        _check_columns(table, space, budget, metrics)
        columns = {name: at_most for name, at_most in budget.columns.items() if name not in metrics}
        budget = evolve(budget, columns=columns)
        _check_limits(space, table, budget, objective)


def known_table(
    space: AnySpace, info: DeviceInfo, folder: KeptRun[Any], cache: Cache, choice: TableChoice
) -> LatencyTable | None:
    """The table that this step would take without measuring one; None where it would.

    Raises:
        UserError: for a table that cannot be used.
    """
    return _given_table(space, info, folder, choice, _intact_table(folder)) or whole_cached_table(info, space, cache)


def empty_table(info: DeviceInfo) -> LatencyTable:
    """A table without entries, where none is needed or none is measured yet."""
    return LatencyTable(device=info, measured_on=date.today().isoformat(), entries=())


def _check_columns(table: LatencyTable | None, space: AnySpace, budget: Budget, metrics: Collection[str]) -> None:
    """Raises a UserError for a limit on a column that the table lacks, and that no command is there to fill."""
    for name in budget.columns.keys() - metrics:
        if table is None or table.missing_column(name, workloads(space)):
            raise UserError(
                f"the latency table does not have {name} for all blocks: add --metric {name}=COMMAND, which measures "
                "it, or give a --table that has it"
            )


def _check_limits(space: AnySpace, table: LatencyTable, budget: Budget, objective: ObjectiveConfig) -> None:
    check_budget(space, table, budget)
    check_objective(objective, space, table, budget)


def _intact_table(folder: KeptRun[Any]) -> LatencyTable | None:
    """The table of a run that was begun; None where there is none, or a damaged one."""
    try:
        folder.files.check(folder.table)
        return LatencyTable.load(folder.table)
    except (FileNotFoundError, PnasError):
        return None


def _given_table(
    space: AnySpace, info: DeviceInfo, folder: KeptRun[Any], choice: TableChoice, before: LatencyTable | None
) -> LatencyTable | None:
    """The one that the command line names, or `before`, that of the run; None where one is to be measured."""
    path = choice.path or folder.table
    table = before if choice.path is None else read_table(choice.path)
    if has_checkpoint(folder.search_checkpoint):
        if before is None:
            _refuse_unlike_the_damaged(folder, table)
        elif table != before:
            raise UserError(f"{folder.path} was started with another table than {path}: leave out --table")
    if table is None:
        return None
    try:
        # A run that resumes with its own table was checked before.
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


def _refuse_unlike_the_damaged(folder: KeptRun[Any], table: LatencyTable | None) -> None:
    """Where a search was begun with a table that has been damaged since, it goes on with that one only."""
    if not folder.table.exists():
        return
    same = table is not None and folder.files.was(folder.table, to_json(table))
    if same is False:
        raise UserError(
            f"the search in {folder.path} used the table in {folder.table.name} before it was damaged, and a new "
            "measurement would differ: give that table with --table, or another --run-dir"
        )
