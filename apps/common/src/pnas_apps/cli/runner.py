"""From a command line's options to a run."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from platformdirs import user_cache_path

from pnas_apps.cli.presets import Options
from pnas_apps.devices.target import target_device
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.ground.session import Session
from pnas_apps.images.batch_parts import whole_batch_size
from pnas_apps.images.folders import Track
from pnas_apps.run.folder import RunFolder, unfinished_folder
from pnas_apps.run.run import Run
from pnas_apps.run.settings import (
    DeviceSettings,
    ImagePreset,
    PhotoPreset,
    Preset,
    RunSettings,
    Task,
    structure_preset,
)
from pnas_apps.steps.pipeline import Step, run_pipeline
from pnas_export import BundleError, ConversionError, DeviceError, ParityError
from pnas_latency import Budget
from pnas_ops import TreeSpace, workloads
from pnas_supernet import DesynchronizedError, DivergenceError, LostProcessError

RUNS = Path("runs")

_TOLD = (
    BundleError,
    ConversionError,
    DesynchronizedError,
    DeviceError,
    DivergenceError,
    LostProcessError,
    ParityError,
)
"""Errors of the packages that say in one line what a user can do."""


def run_task(
    name: str,
    preset_name: str,
    options: Options,
    preset_type: type[ImagePreset] | type[PhotoPreset],
    read_task: Callable[[Preset, Track], Task],
    *,
    until: Step = "report",
    run_dir: Path | None,
    seed: int,
    budget: Options,
    target: Options,
    table: Path | None,
    foreign_table: bool,
    cache_dir: Path | None,
    session: Session,
) -> None:
    """Reads the images, finds the run's folder, goes the road up to a step and says where everything is.

    Raises:
        UserError: for anything that the user can mend.
    """
    cache, reporter, processes = cache_dir or default_cache(), session.reporter, session.processes

    def begin() -> tuple[Task, RunSettings, Path]:
        preset = structure_preset(options, preset_name, preset_type)
        device_settings = DeviceSettings(**target)
        target_device(device_settings, cache=cache, log=None)  # told before the images are read
        if run_dir is not None:
            RunFolder(run_dir).refuse_finished()
        task = _read(partial(read_task, preset), reporter)
        check_space(task, preset)
        whole_batch_size(preset.batch_size, len(task.train), processes.size)
        settings = RunSettings(
            task=task.name,
            seed=seed,
            preset=preset,
            space=task.space,
            train_images=len(task.train),
            test_images=len(task.test),
            budget=Budget(**budget),
            device=device_settings,
            data_dir=None if task.data_dir is None else str(task.data_dir),
        )
        folder = unfinished_folder(RUNS, name, settings) if run_dir is None else RunFolder(run_dir)
        goes_on = folder.begin(settings)
        others = f", {processes.size} processes" if processes.size > 1 else ""
        reporter.console.print(
            f"{task.name}: {len(task.train)} training and {len(task.test)} test images of {len(task.train.classes)} "
            f"classes; {'going on with' if goes_on else 'new run in'} {folder.path}, on {processes.device.type}{others}"
        )
        return task, settings, folder.path

    task, settings, path = processes.first(begin)
    go_on(_make_run(task, settings, path, cache, session), until, table=table, foreign_table=foreign_table)


def go_on(run: Run, until: Step, *, table: Path | None = None, foreign_table: bool = False) -> None:
    """Goes the road of a run up to a step, and says where everything is.

    Raises:
        UserError: for anything that the user can mend.
    """
    try:
        run_pipeline(run, until=until, table_path=table, foreign_table=foreign_table)
    except _TOLD as error:
        raise UserError(str(error)) from error
    names = ", ".join(sorted(path.name for path in run.folder.path.iterdir()))
    run.reporter.console.print(f"Everything is in {run.folder.path}: {names}")


def open_run(
    path: Path,
    read_task: Callable[[Path | None, Preset, Track], Task],
    *,
    data_dir: Path | None,
    cache_dir: Path | None,
    session: Session,
) -> Run:
    """A run whose nets are trained, with its images, to work on what it left.

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
    return _make_run(task, settings, path, cache_dir or default_cache(), session)


def _make_run(task: Task, settings: RunSettings, path: Path, cache: Path, session: Session) -> Run:
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


def check_space(task: Task, preset: Preset) -> None:
    """Raises a UserError where the search space takes images of other channels, or lacks what the training drops."""
    channels = len(task.train.preprocessing.mean)
    if channels != task.space.in_channels:
        raise UserError(
            f"space {preset.space!r} is for images of {task.space.in_channels} channels, these have {channels}: "
            "name another --space"
        )
    if preset.train.path_dropping and not isinstance(task.space, TreeSpace):
        raise UserError(f"space {preset.space!r} has no trees of which paths could be dropped: set path_dropping to 0")


def default_cache() -> Path:
    """The user's folder of what can be made again: latency tables and conversions."""
    return user_cache_path("pnas")


def _read(read_task: Callable[[Track], Task], reporter: Reporter) -> Task:
    try:
        task = read_task(reporter.track)
        workloads(task.space)
    except ValueError as error:
        raise UserError(str(error)) from None
    return task
