"""One search for several aims: its tables, one a device, and its supernet, which every aim's own run goes on with."""

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.folder import history_lines
from pnas_apps.run.run import Run
from pnas_apps.run.sweep_aims import SweepAim, least_of_each_device, naming_device
from pnas_apps.run.sweep_folder import of_aim, of_device, settings_of_aim
from pnas_apps.steps.needless_limits import needless_by_table
from pnas_apps.steps.objective import make_arch_step
from pnas_apps.steps.rewards import make_cost
from pnas_apps.steps.supernet_search import expected_ms_of, searched_supernet
from pnas_apps.steps.table import TableChoice, Tabled, find_table
from pnas_latency import Budget
from pnas_ops import AnyNet
from pnas_supernet import ArchStep, ProxylessSweep, SuperNet, has_checkpoint, tuned


@frozen(kw_only=True, eq=False)
class Aimed:
    """A run for one aim of a sweep, and its device with the table of it."""

    aim: SweepAim
    run: Run
    tabled: Tabled


def find_tables(run: Run, aims: tuple[SweepAim, ...], choice: TableChoice) -> tuple[Aimed, ...]:
    """The run of each aim; a table is found, or measured, for every device, with the smallest of its latencies.

    Args:
        run: the run of the sweep.
        aims: of the sweep.
        choice: of the table, where there is one device.

    Raises:
        UserError, InfeasibleBudgetError: as `find_table`.
    """
    tables, least = dict[DeviceSettings, Tabled](), least_of_each_device(aims)
    for aim in least:
        with naming_device(aims, aim.device):
            tables[aim.device] = find_table(run.aimed(aim, of_device(run.folder, aims, aim.device)), choice)
    for aim in aims:
        if aim not in least:
            for line in needless_by_table(run.task.space, tables[aim.device].table, Budget(latency_ms=aim.latency_ms)):
                run.reporter.warn(f"  {line}")
    return tuple(
        Aimed(aim=aim, run=run.aimed(aim, of_aim(run.folder, aims, aim)), tabled=tables[aim.device]) for aim in aims
    )


def sweep_search(run: Run, aimed: Sequence[Aimed]) -> None:
    """Searches for all aims at once, and leaves in the folder of each one's run what a search of its own would leave.

    Resumes where the sweep's folder has a checkpoint; does nothing where every aim has its own already.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        UserError: for a folder of an aim that holds something else.
        DivergenceError: where a loss or a weight is not finite.
    """
    if run.processes.first(lambda: all(has_checkpoint(one.run.folder.search_checkpoint) for one in aimed)):
        return
    first = aimed[0]

    def make(supernet: SuperNet, steps: int) -> ProxylessSweep:
        return ProxylessSweep(
            supernet,
            run.preset.search,
            arch_steps=[_arch_step(run, one, steps) for one in aimed],
            generator=run.generator("paths"),
            group=run.processes.group,
        )

    with tuned(run.device, deterministic=run.deterministic):
        _, sweep = searched_supernet(run, make, expected_ms=expected_ms_of(run.task.space, first.tabled.table))
    run.processes.first(lambda: _leave_searches(run, aimed, sweep))


def _leave_searches(run: Run, aimed: Sequence[Aimed], sweep: ProxylessSweep) -> None:
    settings, left = run.folder.read_settings(), dict[int, Path]()
    for index, one in enumerate(aimed):
        folder = one.run.folder
        if not has_checkpoint(folder.search_checkpoint):
            folder.path.mkdir(exist_ok=True)
            folder.begin(settings_of_aim(settings, one.aim))
            folder.files.save(one.tabled.table, folder.table)
            folder.files.write(folder.history, history_lines(sweep.histories[index]))
            left[index] = folder.search_checkpoint
    # The last: where they are, so is all before them.
    sweep.save_searches(left)


def _arch_step(run: Run, aimed: Aimed, steps: int) -> ArchStep:
    table, budget = aimed.tabled.table, aimed.run.budget
    objective, first = run.preset.objective, run.processes.first
    # Made and asked in one process alone, while the others wait.
    measures = objective.form == "reinforce" and run.processes.is_first
    cost = make_cost(
        objective.reward_cost if measures else "table",
        run.task.space,
        table,
        aimed.tabled.device,
        conversions=run.cache.conversions,
        log=run.folder.converter_log,
    )

    def asked(net: AnyNet) -> float:
        return first(lambda: cost(net))

    return make_arch_step(run.task.space, table, run.preset.search, objective, budget, asked, steps=steps)
