"""From a run's folder to the run, and what it has in common with a new one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from attrs import evolve

from pnas_apps.ground.cache import Cache, find_cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.ground.session import Session
from pnas_apps.images.image_hash import image_hash
from pnas_apps.images.loading import Loading
from pnas_apps.run.classes import check_classes
from pnas_apps.run.lock import held_folder
from pnas_apps.run.operations import codes
from pnas_apps.run.preset import Preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.space_names import is_space_file
from pnas_apps.run.sweep_aims import refuse_sweep
from pnas_apps.run.task import Task, without_unreadable
from pnas_export import Metadata
from pnas_latency import Budget
from pnas_ops import Space, workloads


@contextmanager
def open_run(
    path: Path,
    read_task: Callable[[Path | None, Preset, Space | None, Reporter], Task],
    *,
    data_dir: Path | None,
    cache_dir: Path | None,
    session: Session,
    writes: bool = True,
    device: str | None = None,
) -> Iterator[Run]:
    """A run that was begun, with its images, to work on its results.

    Args:
        path: its folder.
        read_task: reads the images of a folder, or those that come with a library if None; takes the space that the
            run was given in a file.
        data_dir: where the images are, if they have moved since.
        cache_dir: folder of what can be made again; the user's own one if None.
        session: what to work with.
        writes: whether the folder is written into, and therefore held to the end.
        device: where to measure, instead of the device that the run was begun for; its table stays that of the other.

    Raises:
        UserError: for a folder without a run, or in use, and images that are not those of the run.
    """
    held, cache = ExitStack(), find_cache(cache_dir)

    def read() -> tuple[Task, RunSettings]:
        folder = RunFolder(path)
        settings = folder.read_settings()
        if settings.exploration is not None and not folder.explored.exists():
            raise UserError(f"{path} holds an unfinished exploration: give the same explore command again to resume it")
        refuse_sweep(path, settings.aims)
        tell_unchecked(folder, session.reporter)
        if writes:
            held.enter_context(held_folder(path))
            folder.clear_leftovers()
        images = data_dir or (None if settings.data_dir is None else Path(settings.data_dir))
        if settings.operations != codes(settings.space):
            raise UserError(
                f"{', '.join(settings.operations)} of {path} are not the operations it was started with: install the "
                "same package as then, or start another run"
            )
        # A file may be gone, or another one, since the run was begun.
        space = settings.space if is_space_file(settings.preset.space) else None
        task = read_checked(partial(read_task, images, settings.preset, space), session.reporter)
        check_classes(task, settings, path)
        if settings.checks_images:
            task = readable_task(task, cache, session)
        found, begun_with = (len(task.train), len(task.test)), (settings.train_images, settings.test_images)
        if task.space != settings.space or found != begun_with:
            what, way_out = f"the images in {task.data_dir}", "name the right --data-dir"
            if task.data_dir is None:  # those of the demo, as its version makes them
                what, way_out = "the demo's images", "start another run, or use the version that started this one"
            raise UserError(
                f"{what} are not those of {path}: {found[0]} + {found[1]} images of {task.space.classes} classes, "
                f"not {begun_with[0]} + {begun_with[1]} of {settings.space.classes}: {way_out}"
            )
        tell_other_images(path, settings, image_hash(task.train, quiet_loading(task)), session.reporter)
        return task, settings

    with held:
        task, settings = session.processes.first(read)
        if device is not None:
            settings = evolve(settings, device=evolve(settings.device, name=device))
        yield make_run(task, settings, path, cache, session)


def make_run(task: Task, settings: RunSettings, path: Path, cache: Cache, session: Session) -> Run:
    """A run by its settings, whose folder is held."""
    return Run(
        task=task.on(session.processes.device),
        preset=settings.preset,
        folder=RunFolder(path),
        seed=settings.seed,
        reporter=session.reporter,
        cache=cache,
        budget=sized_budget(settings.budget, task),
        metrics=settings.metrics,
        target=settings.device,
        start=settings.start,
        processes=session.processes,
        workers=session.workers,
        deterministic=session.deterministic,
        tensorboard=session.tensorboard,
    )


def tell_unchecked(folder: RunFolder, reporter: Reporter) -> None:
    """Says so where no file of a run can be held against its hash."""
    if folder.is_unchecked:
        reporter.line(f"{folder.files.path} is missing: the run's files are used unchecked")


def tell_other_images(path: Path, begun_with: RunSettings, images: str, reporter: Reporter) -> None:
    """Says so where a run works with other images, by their hash, than it was begun with.

    It is no refusal, since another decoder may read the same files in another way.
    """
    if begun_with.images and images != begun_with.images:
        reporter.warn(
            f"The images are others than those that {path} was started with, though as many: what it has learned may "
            "not hold for them"
        )


def quiet_loading(task: Task) -> Loading:
    """How to read a few images; what is found to be unreadable is told when the run comes to it."""
    return task.loading(lambda _: None)


def sized_budget(budget: Budget, task: Task) -> Budget:
    """The budget, with the size of what a file says beside the net: labels, above all."""
    metadata = Metadata(labels=task.train.classes, preprocessing=task.train.preprocessing)
    return evolve(budget, metadata_bytes=metadata.size_bytes)


def read_checked(read_task: Callable[[Reporter], Task], reporter: Reporter) -> Task:
    """Images and space, which belong together.

    Raises:
        UserError: where they do not.
    """
    try:
        task = read_task(reporter)
        workloads(task.space)
    except ValueError as error:
        raise UserError(str(error)) from None
    return task


def readable_task(task: Task, cache: Cache, session: Session) -> Task:
    """The images that can be read."""
    # The other processes wait, so that their workers' cores are free.
    workers = session.workers * session.processes.size
    return without_unreadable(task, workers=workers, cache=cache, reporter=session.reporter)
