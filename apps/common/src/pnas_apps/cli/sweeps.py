"""The steps of a sweep: one search, then that of a run for every aim."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from attrs import evolve

from pnas_apps.cli.runs import go_on
from pnas_apps.ground.console import page_text
from pnas_apps.run.lock import held_folder
from pnas_apps.run.preset import Preset
from pnas_apps.run.results import RunResults
from pnas_apps.run.run import Run
from pnas_apps.run.sweep_effort import preset_effort
from pnas_apps.run.sweep_results import AimResult, SweepResults
from pnas_apps.showing.sweep_picture import draw_sweep
from pnas_apps.showing.sweep_table import sweep_table
from pnas_apps.steps.pipeline import StepName, announced
from pnas_apps.steps.sweep import Aimed, find_tables, sweep_search
from pnas_apps.steps.table import TableChoice
from pnas_ops import load_json, save_figure

STEPS = ("table", "search", "nets")


def go_on_sweeping(run: Run, single: Preset, *, table: Path | None, foreign_table: bool) -> None:
    """Takes a sweep to its end; what is in its folder already is not done again.

    Args:
        run: the run of the sweep.
        single: the preset of a search for one aim, whose effort that of the sweep is told in.
        table: a latency table to use; one is measured if None.
        foreign_table: whether it may be of another device.

    Raises:
        UserError, PnasError: for anything that the user can fix.
    """
    aims, is_first = run.processes.first(run.folder.read_settings).aims, run.processes.is_first
    with announced("table", STEPS, run.folder, run.reporter, counts=is_first):
        aimed = find_tables(run, aims, TableChoice(path=table, foreign=foreign_table))
    with announced("search", STEPS, run.folder, run.reporter, counts=is_first):
        times = preset_effort(run.preset, len(aims)) / preset_effort(single, 1)
        run.reporter.console.print(
            f"  {len(aims)} nets from one search, with an estimated {times:.1f} times the steps of a search for one: "
            f"an architecture step for each net after every {run.preset.search.arch_interval} weight steps",
            soft_wrap=True,
        )
        sweep_search(run, aimed)
    run.processes.first(lambda: _leave_seconds(run, aimed))
    with announced("nets", STEPS, run.folder, run.reporter, counts=is_first):
        # Several processes train together, and part for what one of them does.
        together: StepName = "report" if run.processes.group is None else "train"
        for one in aimed:
            _finish(one, together)
        alone = run.alone()
        if alone is None:
            return
        if together != "report":
            for one in aimed:
                _finish(evolve(one, run=evolve(one.run, processes=alone.processes)), "report")
    if all(one.run.folder.is_finished for one in aimed):
        _report(alone, [_result(one) for one in aimed])


def _leave_seconds(run: Run, aimed: Sequence[Aimed]) -> None:
    """In the run of each aim, what the search for all of them took."""
    seconds = run.folder.read_seconds().get("search", 0.0)
    for folder in [one.run.folder for one in aimed if not one.run.folder.is_finished]:
        folder.set_seconds("sweep", seconds)


def _finish(one: Aimed, until: StepName) -> None:
    """Goes on with the run of one aim, which is an ordinary one from here on."""
    run = one.run
    if run.processes.first(lambda: run.folder.is_finished and not run.folder.damages()):
        return
    run.reporter.console.print(f"{one.aim.latency_ms:g} ms on {one.aim.device.name}", style="bold")
    with held_folder(run.folder.path) if run.processes.is_first else nullcontext():
        go_on(run, until)


def _result(one: Aimed) -> AimResult:
    results = load_json(one.run.folder.results, RunResults)
    return AimResult(
        folder=one.run.folder.path.name,
        device=one.aim.device.name,
        asked_ms=one.aim.latency_ms,
        searched=results.nets[0],
        verdict=results.verdict,
        baselines=results.baselines,
    )


def _report(run: Run, aims: Sequence[AimResult]) -> None:
    folder = run.folder
    with folder.files.writing(folder.curve) as staged:
        save_figure(draw_sweep(aims, test_images=len(run.task.test)), staged)
    table = sweep_table(aims)
    folder.files.write(folder.report, page_text(table))
    folder.files.save(SweepResults(aims=tuple(aims), seconds=folder.read_seconds()), folder.results)
    run.reporter.console.print(table)
    run.reporter.console.print(f"Accuracy over measured latency: {folder.curve}", soft_wrap=True)
