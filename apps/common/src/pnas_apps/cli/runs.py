"""From a command line to a run, new or begun, and along its road."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pnas_apps.cli.options import RunOptions
from pnas_apps.devices.target import target_device
from pnas_apps.ground.cache import Cache, find_cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.ground.session import Session
from pnas_apps.images.batch_parts import whole_batch_size
from pnas_apps.images.folders import Track
from pnas_apps.run.folder import RunFolder, unfinished_folder
from pnas_apps.run.preset import Preset
from pnas_apps.run.run import Run
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.task import Task, check_task
from pnas_apps.steps.pipeline import StepName, run_pipeline
from pnas_apps.steps.table import TableChoice
from pnas_apps.training.training import TrainingDivergedError
from pnas_ops import workloads

RUNS = Path("runs")
"""Where the folders of runs are that are given none."""


def begin_run(
    name: str,
    make_preset: Callable[[], Preset],
    read_task: Callable[[Preset, Track], Task],
    options: RunOptions,
    session: Session,
) -> Run:
    """A new run, or one that was interrupted and goes on: its images read, its folder found.

    Args:
        name: begins the name of its folder, where it is given none.
        make_preset: the preset, which may be refused.
        read_task: reads images and space.
        options: of the command line.
        session: what to work with.

    Raises:
        UserError: for anything that the user can mend.
    """
    cache, reporter, processes = find_cache(options.cache_dir), session.reporter, session.processes

    def begin() -> tuple[Task, RunSettings, Path]:
        preset = make_preset()
        target_device(options.device, cache=cache, log=None)  # told before the images are read
        if options.run_dir is not None:
            RunFolder(options.run_dir).refuse_finished()
        task = _read(partial(read_task, preset), reporter)
        check_task(task, preset)
        whole_batch_size(preset.batch_size, len(task.train), processes.size)
        settings = RunSettings(
            task=task.name,
            seed=options.seed,
            preset=preset,
            space=task.space,
            train_images=len(task.train),
            test_images=len(task.test),
            budget=options.budget,
            device=options.device,
            data_dir=None if task.data_dir is None else str(task.data_dir),
        )
        folder = unfinished_folder(RUNS, name, settings) if options.run_dir is None else RunFolder(options.run_dir)
        goes_on = folder.begin(settings)
        others = f", {processes.size} processes" if processes.size > 1 else ""
        reporter.console.print(
            f"{task.name}: {len(task.train)} training and {len(task.test)} test images of {len(task.train.classes)} "
            f"classes; {'going on with' if goes_on else 'new run in'} {folder.path}, on {processes.device.type}{others}"
        )
        return task, settings, folder.path

    return _make_run(*processes.first(begin), cache, session)


def open_run(
    path: Path,
    read_task: Callable[[Path | None, Preset, Track], Task],
    *,
    data_dir: Path | None,
    cache_dir: Path | None,
    session: Session,
) -> Run:
    """A run that was begun, with its images, to work on what it left.

    Args:
        path: its folder.
        read_task: reads the images of a folder, or those that come with a library if None.
        data_dir: where the images are, if they have moved since.
        cache_dir: folder of what can be made again; the user's own one if None.
        session: what to work with.

    Raises:
        UserError: for a folder without a run, and images that are not those of the run.
    """

    def read() -> tuple[Task, RunSettings]:
        settings = RunFolder(path).read_settings()
        images = data_dir or (None if settings.data_dir is None else Path(settings.data_dir))
        task = _read(partial(read_task, images, settings.preset), session.reporter)
        found, begun_with = (len(task.train), len(task.test)), (settings.train_images, settings.test_images)
        if task.space != settings.space or found != begun_with:
            raise UserError(
                f"the images in {task.data_dir} are not those of {path}: {found[0]} + {found[1]} images of "
                f"{task.space.classes} classes, not {begun_with[0]} + {begun_with[1]} of {settings.space.classes}: "
                "name the right --data-dir"
            )
        return task, settings

    task, settings = session.processes.first(read)
    return _make_run(task, settings, path, find_cache(cache_dir), session)


def go_on(run: Run, until: StepName, *, table: Path | None = None, foreign_table: bool = False) -> None:
    """Goes the road of a run up to a step, and says where everything is.

    Raises:
        UserError, PnasError: for anything that the user can mend.
    """
    try:
        run_pipeline(run, TableChoice(path=table, foreign=foreign_table), until=until)
    except TrainingDivergedError as error:
        raise UserError(f"{error.what}: lower --train-lr") from None
    names = ", ".join(sorted(path.name for path in run.folder.path.iterdir()))
    run.reporter.console.print(f"Everything is in {run.folder.path}: {names}")


def _make_run(task: Task, settings: RunSettings, path: Path, cache: Cache, session: Session) -> Run:
    return Run(
        task=task,
        preset=settings.preset,
        folder=RunFolder(path),
        seed=settings.seed,
        reporter=session.reporter,
        cache=cache,
        budget=settings.budget,
        target=settings.device,
        processes=session.processes,
        workers=session.workers,
    )


def _read(read_task: Callable[[Track], Task], reporter: Reporter) -> Task:
    try:
        task = read_task(reporter.track)
        workloads(task.space)
    except ValueError as error:
        raise UserError(str(error)) from None
    return task
