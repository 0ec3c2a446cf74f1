"""All steps of an exploration, from its table to its best net."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from shutil import rmtree

from attrs import evolve, frozen

from pnas_apps.devices.target import target_device
from pnas_apps.exploring.exploration import Exploration, needs_table
from pnas_apps.exploring.leaving import leave
from pnas_apps.exploring.naming import explorer_name, worker_name
from pnas_apps.exploring.outcome import Explored
from pnas_apps.exploring.page import effort_line
from pnas_apps.exploring.predictor_judge import predictor_judge, predictor_line
from pnas_apps.exploring.progress import Shown
from pnas_apps.exploring.scratch_judge import ScratchJudge
from pnas_apps.exploring.study import Study, look_at_study
from pnas_apps.exploring.work import work
from pnas_apps.exploring.workers import WORKERS, folder_of, work_in_processes
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import PhasesReporter
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_apps.run.run import Run
from pnas_apps.steps.net_training import retrain
from pnas_apps.steps.pipeline import announced
from pnas_apps.steps.table import TableChoice, empty_table, find_table, known_table
from pnas_apps.training.judging import accuracy
from pnas_latency import LatencyTable
from pnas_ops import Architecture, load_json
from pnas_supernet import tuned

STEPS = ("table", "explore", "train")
"""Those of an exploration that reads latencies and trains what it finds."""


@frozen(kw_only=True)
class Resources:
    """What judging uses on this machine; none of it changes the judgements.

    Attributes:
        study: where the study is, which may hold a password; None for a file in the run's folder.
        workers: processes that judge nets here.
        accuracies: the file of a judge that looks them up.
        ops: file of the user's own operations.
        choice: of the latency table.
    """

    study: str | None
    workers: int
    accuracies: Path | None
    ops: Path | None
    choice: TableChoice


def check_exploration(run: Run, settings: ExplorationSettings, resources: Resources) -> None:
    """Refuses what `explore` would refuse, as far as that shows before anything is written or measured.

    Raises:
        UserError, PnasError: for a judge that cannot judge these nets, and a study that cannot be used or is of
            something else. A table that would have to be measured is never that of a study that is there already.
    """
    exploration = known_exploration(run, settings, resources)
    exploration.judge(folder_of(run, 1) / "net")
    look_at_study(exploration.place, exploration.fingerprint)


def known_exploration(run: Run, settings: ExplorationSettings, resources: Resources) -> Exploration:
    """An exploration before anything is measured: its table is without entries where none is needed, or none known."""
    info, table = target_device(run.target, cache=run.cache, log=None).info, None
    if needs_table(run, settings):
        table = known_table(run.task.space, info, run.folder, run.cache, resources.choice)
    return Exploration(
        run=run,
        settings=settings,
        table=table or empty_table(info),
        address=resources.study,
        accuracies=resources.accuracies,
    )


def steps_of(run: Run, settings: ExplorationSettings) -> list[str]:
    """The names of the steps that an exploration has."""
    left_out = {"table": not needs_table(run, settings), "train": settings.judge != "scratch"}
    return [step for step in STEPS if not left_out.get(step)]


def explore(run: Run, settings: ExplorationSettings, resources: Resources) -> Explored:
    """Judges nets until there are as many as were requested; what the study has already is not judged again.

    The best one is trained where the study was begun, if judging trains, and only then the test images are looked at.

    Raises:
        UserError, PnasError: for anything that the user can fix, before any net is judged.
    """
    trains = settings.judge == "scratch"
    steps = steps_of(run, settings)
    table = _table(run, resources.choice, steps)
    exploration = Exploration(
        run=run, settings=settings, table=table, address=resources.study, accuracies=resources.accuracies
    )
    with announced("explore", steps, run.folder, run.reporter):
        name = explorer_name(run.folder)
        with closing(exploration.study(worker_name(name, 1))) as study:
            scratch = ScratchJudge(run=run, epochs=settings.judge_epochs, folder=folder_of(run, 1)) if trains else None
            passes = None if scratch is None else scratch.passes
            run.reporter.line(effort_line(settings, passes, exploration.images))
            if settings.judge == "predictor":
                assert resources.accuracies is not None
                run.reporter.line(predictor_line(predictor_judge(resources.accuracies, run)))
            _judge_nets(exploration, study, name, resources)
            explored, was_begun_here = exploration.outcome(study.entries()), study.was_begun_here
        if not explored.nets:
            raise UserError("no net was judged, since each one killed its worker: give more memory, or smaller nets")
        leave(exploration, explored)
        rmtree(run.folder.path / WORKERS, ignore_errors=True)  # checkpoints of nets that are judged
    if trains and was_begun_here:
        with announced("train", steps, run.folder, run.reporter):
            explored = evolve(explored, test_accuracy=_test_accuracy(run))
            run.folder.files.save(explored, run.folder.explored)
    return explored


def _table(run: Run, choice: TableChoice, steps: Sequence[str]) -> LatencyTable:
    """The run's latency table where that is one of the steps; else one without entries."""
    if "table" in steps:
        with announced("table", steps, run.folder, run.reporter):
            return find_table(run, choice).table
    return empty_table(target_device(run.target, cache=run.cache, log=None).info)


def _judge_nets(exploration: Exploration, study: Study, name: str, resources: Resources) -> None:
    run, settings = exploration.run, exploration.settings
    with run.reporter.phases() as update:
        shown = Shown(update, settings.nets + settings.random_nets, settings.judge)
        if resources.workers == 1:
            # A search of a supernet is shown, too.
            inside = evolve(exploration, run=evolve(run, reporter=PhasesReporter(run.reporter.console, update)))
            judge = inside.judge(folder_of(run, 1) / "net", shown.step)
            work(study, inside.asker(), judge, run.task.space, seen=shown.entries)
        else:
            work_in_processes(exploration, study, name, resources.workers, resources.ops, shown.entries)


def _test_accuracy(run: Run) -> float:
    """The test accuracy of the best net, trained."""
    net = load_json(run.folder.architecture, Architecture)
    with tuned(run.device, deterministic=run.deterministic):
        network = retrain(run, None, net, run.preset.train).eval()
        sized = run.sized_for(net)
        return accuracy(network, sized.ordered_batches(sized.task.test))
