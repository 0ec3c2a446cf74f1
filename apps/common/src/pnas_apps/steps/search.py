"""The second step: a supernet is searched, and a net within the limits is taken from it."""

from functools import partial

from attrs import frozen
from rich.console import Console

from pnas_apps.run.run import Run
from pnas_apps.showing.events import picture_events
from pnas_apps.showing.run_tables import architecture_table, landing_table
from pnas_apps.steps.land import land_run
from pnas_apps.steps.objective import objective_line
from pnas_apps.steps.rewards import make_cost
from pnas_apps.steps.search_remarks import search_remarks
from pnas_apps.steps.supernet_search import expected_history_ms, run_search
from pnas_apps.steps.table import Tabled
from pnas_latency import Attempt, Landing
from pnas_ops import Architecture, draw_architectures, load_json, save_figure
from pnas_supernet import SuperNet, draw_search, tuned


@frozen(kw_only=True, eq=False)
class Searched:
    """The supernet at the end of a search, and the net that was taken.

    Attributes:
        supernet: None where the net was found by exploring.
        landing: how the net was taken.
        remarks: what is to be known where the search did not come to an end.
    """

    tabled: Tabled
    supernet: SuperNet | None
    landing: Landing
    remarks: tuple[str, ...] = ()

    @property
    def architecture(self) -> Architecture:
        """The net that was taken."""
        net = self.landing.result.architecture
        assert isinstance(net, Architecture)
        return net

    def show(self, console: Console) -> None:
        """Prints the net that was taken, block by block."""
        console.print(architecture_table(self.tabled.table.priced(self.architecture)))


def search(run: Run, tabled: Tabled) -> Searched:
    """Resumes the search if the run's folder has a checkpoint, and takes its landing if there is one.

    Leaves in the folder the history, the landing, the net that was taken, and pictures of both. Where nets were
    explored, the best of them is taken.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        InfeasibleBudgetError: for limits that no net keeps.
        DivergenceError: where a loss or a weight is not finite.
    """
    if run.folder.explored.exists():
        return _explored(run, tabled)
    table, space, objective = tabled.table, run.task.space, run.preset.objective
    # Made and asked in one process alone, while the others wait.
    measures = objective.form == "reinforce" and run.processes.is_first
    cost = make_cost(
        objective.reward_cost if measures else "table",
        space,
        table,
        tabled.device,
        conversions=run.cache.conversions,
        log=run.folder.converter_log,
    )
    if run.budget.latency_ms is None and run.processes.is_first:
        run.reporter.line(objective_line(objective, space, table, run.budget))
    with tuned(run.device, deterministic=run.deterministic):
        supernet, history = run_search(run, table, lambda net: run.processes.first(lambda: cost(net)))

    expected_ms = expected_history_ms(history, space, table)

    landing = land_run(run, tabled, supernet)

    def leave() -> None:
        searched = landing.result.architecture
        assert isinstance(searched, Architecture)
        if run.kept(run.folder.architecture, partial(load_json, cls=Architecture)) != searched:
            run.folder.files.save(searched, run.folder.architecture)
        curves = draw_search(history, expected_ms=expected_ms, target_ms=run.budget.latency_ms)
        for figure, path in (
            (curves, run.folder.curves),
            (draw_architectures([table.priced(searched)]), run.folder.picture),
        ):
            with run.folder.files.writing(path) as staged:
                save_figure(figure, staged)
        if run.tensorboard:
            picture_events(run.folder.events / "pictures", [run.folder.curves, run.folder.picture])

    run.processes.first(leave)
    if landing.target_ms is not None:
        run.reporter.console.print(landing_table(landing, table.device))
    # Where no net is near the target, the landing has said so.
    target_ms = None if landing.remark else landing.target_ms
    remarks = search_remarks(history, expected_ms, target_ms, by_gates=landing.by_probs, start=run.start)
    for line in remarks:
        run.reporter.warn(f"  {line}")
    return Searched(tabled=tabled, supernet=supernet, landing=landing, remarks=remarks)


def _explored(run: Run, tabled: Tabled) -> Searched:
    """The best net of an exploration, which goes on from here as one of a search does."""
    run.folder.files.check(run.folder.architecture)
    net = load_json(run.folder.architecture, Architecture)
    attempt = Attempt(architecture=net, predicted_ms=tabled.table.predict_ms(net))
    landing = Landing(target_ms=run.budget.latency_ms, attempts=(attempt,), chosen=0, by_probs=False)
    if run.processes.is_first and not run.folder.landing.exists():
        run.folder.files.save(landing, run.folder.landing)
    return Searched(tabled=tabled, supernet=None, landing=landing)
