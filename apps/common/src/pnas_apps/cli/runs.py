"""The steps of a run."""

import webbrowser
from collections.abc import Sequence
from pathlib import Path

import click

from pnas_apps.cli.started import as_started
from pnas_apps.devices.target import bundle_formats, target_device
from pnas_apps.ground.errors import UserError
from pnas_apps.run.folder import LOCK_NAME
from pnas_apps.run.run import Run
from pnas_apps.run.sweep_aims import SweepAim
from pnas_apps.showing.reckoned_table import reckoned_page
from pnas_apps.showing.story import story
from pnas_apps.steps.dry_run import dry_run
from pnas_apps.steps.export import missing_converters
from pnas_apps.steps.page import DamagedRunError, kept_results, write_page
from pnas_apps.steps.pipeline import DONE_BY_ONE, StepName, check_export_images, run_pipeline
from pnas_apps.steps.reckoning import tell_comparison, tell_time
from pnas_apps.steps.table import TableChoice
from pnas_apps.training.training import TrainingDivergedError


def go_on(
    run: Run, until: StepName, *, table: Path | None = None, foreign_table: bool = False, briefly: bool = False
) -> None:
    """Takes a run up to a step, shows what that made, and says where everything is.

    Where there are no converters it ends with the comparison, and says how to continue where there are some.

    Args:
        run: the run to continue.
        until: the last step.
        table: a latency table to search with; one is measured if None.
        foreign_table: whether that may be of another device.
        briefly: whether a finished run is summarized in a few lines instead of its whole report.

    Raises:
        UserError, PnasError: for anything that the user can fix.
    """

    def check() -> tuple[str, ...]:
        if run.tensorboard:
            run.reporter.line(f"  to watch: tensorboard --logdir {run.folder.events}")
        device = target_device(run.target, cache=run.cache, log=None)
        check_export_images(run.task, device, until=until)
        tell_time(run)
        if until not in ("table", "search", "train"):
            tell_comparison(run)
        return missing_converters(bundle_formats(device)) if until in DONE_BY_ONE else ()

    lacking = run.processes.first(check)
    try:
        made = run_pipeline(run, TableChoice(path=table, foreign=foreign_table), until="compare" if lacking else until)
    except TrainingDivergedError as error:
        raise UserError(f"{error.what}: lower --train-lr") from None
    if made is None:
        return
    if briefly and run.folder.is_finished:
        run.reporter.console.print(story(kept_results(run.folder), run.folder.page))
        return
    made.show(run.reporter.console)
    if lacking:
        run.reporter.console.print(_way_on(run, lacking), style="yellow", soft_wrap=True)
    names = ", ".join(sorted(path.name for path in run.folder.path.iterdir() if path.name != LOCK_NAME))
    run.reporter.console.print(f"Everything is in {run.folder.path}: {names}")


def tell_dry_run(
    run: Run, until: StepName, *, table: Path | None, foreign_table: bool, aims: tuple[SweepAim, ...] = ()
) -> None:
    """Says what a run up to a step, or a sweep, would do and take.

    Raises:
        UserError, PnasError: for anything that the user can fix.
    """
    if run.processes.size > 1:
        raise UserError("a dry run measures one process: start it without torchrun")
    device = target_device(run.target, cache=run.cache, log=None)
    lacking = missing_converters(bundle_formats(device)) if until in DONE_BY_ONE else ()
    choice = TableChoice(path=table, foreign=foreign_table)
    reckoned = dry_run(run, choice, until="compare" if lacking else until, aims=aims)
    run.reporter.console.print(reckoned_page(reckoned))
    if lacking:
        run.reporter.warn(f"This machine lacks {', '.join(lacking)} to export files: the run would end without them")


def finish(run: Run) -> None:
    """Goes through all steps of a run; of a finished one, writes the page again.

    Raises:
        UserError, PnasError: for anything that the user can fix.
    """

    def written() -> Path | None:
        if not run.folder.is_finished or run.folder.damages():
            return None
        try:
            return write_page(run.folder)
        except DamagedRunError as error:  # of a file of which no hash is known
            run.reporter.warn(f"  {error}")
            return None

    page = run.processes.first(written)
    if page is not None:
        run.reporter.console.print(
            f"{run.folder.path} is finished: see {run.folder.report} and, written again, {page}", soft_wrap=True
        )
    else:
        go_on(run, "report")


def show_page(page: Path) -> None:
    """Opens a page in a browser.

    Raises:
        UserError: where there is none.
    """
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        raise UserError(f"there is no browser here: copy {page}, a single file, to a machine that has one") from None
    browser.open(page.resolve().as_uri())


def _way_on(run: Run, lacking: Sequence[str]) -> str:
    """Where and by which command a run continues if no files can be made for it here."""
    program = as_started(click.get_current_context().find_root().info_name or "pnas")
    device = " --device tflite" if run.target.name.startswith("torch-cuda") else ""
    return (
        f"The net is trained. This machine lacks {', '.join(lacking)} to export it: copy {run.folder.path} to one that "
        f"has them, and continue there with: {program} report {run.folder.path.name} --data-dir IMAGES{device}"
    )
