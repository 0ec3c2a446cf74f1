"""Makes the verdict on a finished run more certain, or bases it on longer trainings."""

from pathlib import Path

from attrs import evolve

from pnas_apps.ground.errors import UserError
from pnas_apps.run.compare_config import CompareConfig
from pnas_apps.run.results import RunResults
from pnas_apps.run.run import Run
from pnas_apps.run.verdict import Verdict
from pnas_apps.showing.verdict_table import verdict_page
from pnas_apps.steps.compare import find_verdict
from pnas_apps.steps.page import kept_results
from pnas_apps.steps.pipeline import announced
from pnas_apps.steps.report_page import write_report
from pnas_apps.steps.table import TableChoice, find_table
from pnas_apps.training.training import TrainingDivergedError
from pnas_export import Bundle
from pnas_latency import Landing
from pnas_ops import Architecture, counted


def judge_run(run: Run, *, nets: int | None, epochs: int | None, seeds: int | None) -> None:
    """Trains what the verdict needs and is not trained yet, and writes it into the report and the results.

    Args:
        run: which is finished.
        nets: random ones to compare with; None for as many as before.
        epochs: of each training; None for as many as before.
        seeds: trainings of each net; None for as many as before.

    Raises:
        UserError: for a run that is not finished or is damaged, and for less than was compared before.
        CheckpointError: for a training that cannot be resumed.
    """
    folder = run.folder

    def read() -> tuple[RunResults, Landing]:
        if not folder.is_finished:
            raise UserError(f"{folder.path} holds an unfinished run: finish it with report")
        if damaged := folder.damages():
            raise UserError(f"{damaged[0]} is damaged: report writes it again")
        kept = kept_results(folder)
        return kept.results, kept.landing

    results, landing = run.processes.first(read)
    before = run.preset.compare if results.verdict is None else _asked_before(results.verdict)
    config = _asked(before, folder.path, nets=nets, epochs=epochs, seeds=seeds)
    tabled, searched = find_table(run, TableChoice()), landing.result.architecture
    assert isinstance(searched, Architecture)
    try:
        with announced("compare", ["compare"], folder, run.reporter, counts=run.processes.is_first):
            verdict = find_verdict(run, tabled, searched, config)
    except TrainingDivergedError as error:
        raise UserError(f"{error.what}: give another number of --epochs") from None

    def write() -> None:
        bundle = Bundle.load(folder.bundle(searched.name))
        seconds = results.seconds | {"compare": folder.read_seconds()["compare"]}
        write_report(run, tabled, landing, bundle, evolve(results, verdict=verdict, seconds=seconds))

    run.processes.first(write)
    run.reporter.console.print(verdict_page(verdict))


def _asked_before(verdict: Verdict) -> CompareConfig:
    """The comparison that a verdict was made from."""
    return CompareConfig(nets=len(verdict.of_kind("random")), epochs=verdict.epochs, seeds=verdict.seeds)


def _asked(
    before: CompareConfig, path: Path, *, nets: int | None, epochs: int | None, seeds: int | None
) -> CompareConfig:
    """The comparison that is requested now.

    A verdict from less than is known would be a chosen one.
    """
    nets, seeds = nets or before.nets, seeds or before.seeds
    epochs = epochs or before.epochs
    if not nets or not epochs:
        raise UserError(f"{path} was started without a comparison: give --nets N and --epochs E")
    if epochs == before.epochs and (nets < before.nets or seeds < before.seeds):
        raise UserError(
            f"{path} has a verdict with {counted(before.nets, 'random net')} and {counted(before.seeds, 'seed')} "
            "already: give at least as many, or other --epochs"
        )
    return CompareConfig(nets=nets, epochs=epochs, seeds=seeds)
