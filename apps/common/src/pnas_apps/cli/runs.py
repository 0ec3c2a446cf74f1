"""From a command line to a run, new or begun, and along its road."""

import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import click
from attrs import evolve

from pnas_apps.cli.options import RUNS, RunOptions
from pnas_apps.cli.program import COMMAND
from pnas_apps.cli.start_options import AskedStart
from pnas_apps.devices.columns import command_metrics, try_metrics
from pnas_apps.devices.known_tables import read_table
from pnas_apps.devices.target import bundle_formats, check_file_limits, target_device
from pnas_apps.exploring.named_strategies import SUPERNET_STRATEGIES
from pnas_apps.ground.cache import Cache, find_cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.gpus import check_precisions
from pnas_apps.ground.progress import Reporter
from pnas_apps.ground.session import Session
from pnas_apps.images.batch_parts import whole_batch_size
from pnas_apps.run.classes import check_classes
from pnas_apps.run.designing import Designer
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_apps.run.folder import LOCK_NAME, RunFolder
from pnas_apps.run.lock import held_folder, held_unfinished_folder, unfinished_folders
from pnas_apps.run.operations import check_used, codes
from pnas_apps.run.preset import Preset
from pnas_apps.run.run import Run
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.space_files import is_space_file
from pnas_apps.run.sweep_aims import SweepAim, folder_name, naming_device
from pnas_apps.run.sweep_folder import of_device
from pnas_apps.run.task import Task, check_task, without_unreadable
from pnas_apps.showing.design_table import design_page
from pnas_apps.showing.reckoned_table import reckoned_page
from pnas_apps.showing.story import story
from pnas_apps.steps.dry_run import dry_run
from pnas_apps.steps.export import missing_converters
from pnas_apps.steps.page import kept_results, write_page
from pnas_apps.steps.pipeline import DONE_BY_ONE, StepName, check_export_images, run_pipeline
from pnas_apps.steps.reckoning import tell_comparison, tell_time
from pnas_apps.steps.search_images import check_search_images
from pnas_apps.steps.start import find_start
from pnas_apps.steps.table import TableChoice, check_limits
from pnas_apps.training.training import TrainingDivergedError
from pnas_export import Metadata
from pnas_latency import Budget
from pnas_ops import Space, workloads


@contextmanager
def begin_run(
    name: str,
    make_preset: Callable[[], tuple[Preset, Space | None]],
    read_task: Callable[[Preset, Space | None, Reporter], Task],
    options: RunOptions,
    session: Session,
    *,
    until: StepName = "report",
    designer: Designer | None = None,
    exploration: ExplorationSettings | None = None,
    start: AskedStart | None = None,
    check: Callable[[Run], None] | None = None,
) -> Iterator[Run]:
    """A new run, or one that was interrupted and goes on: its images read, its folder found and held to the end.

    All that can be refused before the table is measured is refused before anything is written. Where the run is only
    reckoned, nothing is written at all, and no folder held.

    Args:
        name: begins the name of its folder, where it is given none.
        make_preset: the preset, and the space where it names a file; both may be refused.
        read_task: reads images and space.
        options: of the command line.
        session: what to work with.
        until: the step that it is to go to.
        designer: chooses the size of the preset's space; None where the preset says it.
        exploration: how nets are to be judged one by one; None for a search by gates.
        start: the search that its own is to begin with; None for fresh weights.
        check: refuses what the command alone knows of, by the run as it is to be.

    Raises:
        UserError, PnasError: for anything that the user can mend.
    """
    cache, reporter, processes = find_cache(options.cache_dir), session.reporter, session.processes
    held = ExitStack()

    def begin() -> tuple[Task, RunSettings, Path]:
        preset, space = make_preset()
        check_precisions(processes.device, search=preset.search.precision, train=preset.train.precision)
        # What needs no images is told before they are read.
        devices = {target: target_device(target, cache=cache, log=None) for target, _ in options.targets}
        device = devices[options.device]
        for target, budget in options.targets:
            check_file_limits(devices[target], target, budget, options.metrics)
        begun_with = None if start is None else find_start(start.run, alpha=start.alpha)
        if options.table is not None:
            read_table(options.table)
        metrics = command_metrics(
            options.metrics, threads=options.device.threads, dtype=options.device.dtype, cache=cache, log=None
        )
        given = None if options.run_dir is None else _given_folder(options.run_dir, None if options.dry else held)
        if designer is not None:
            designer.check(preset, options.budget, device.info)
        task = _read(partial(read_task, preset, space), reporter)
        design = None
        if designer is not None:
            before, budget = preset, _sized(options.budget, task)
            preset, chosen, design = designer.choose(
                before,
                classes=len(task.train.classes),
                budget=budget,
                device=device.info,
                seed=options.seed,
                reporter=reporter,
            )
            # Images are kept at the size that they were read for.
            same = preset.resolution == before.resolution
            task = evolve(task, space=chosen) if same else _read(partial(read_task, preset, None), reporter)
        check_task(task, preset)
        if begun_with is not None:
            begun_with.check(task)
        if options.ops is not None:
            check_used(options.ops, task.space)
        if given is not None and given.settings.exists() and not given.files.has_changed(given.settings):
            check_classes(task, given.read_settings(), given.path)
        if options.check:
            task = _without_unreadable(task, cache, session)
        whole_batch_size(preset.batch_size, len(task.train), processes.size)
        if exploration is None or exploration.strategy in SUPERNET_STRATEGIES:
            check_search_images(task, preset, processes.size)
        for one in devices.values():
            check_export_images(task, one, until=until)
        settings = RunSettings(
            task=task.name,
            seed=options.seed,
            preset=preset,
            space=task.space,
            train_images=len(task.train),
            test_images=len(task.test),
            classes=task.train.classes,
            checks_images=options.check,
            operations=codes(task.space),
            budget=options.budget,
            metrics=options.metrics,
            device=options.device,
            aims=options.aims,
            start=None if begun_with is None else begun_with.start,
            data_dir=None if task.data_dir is None else str(task.data_dir),
            command=_command(),
            exploration=exploration,
        )
        if options.dry:
            folder = given or next(unfinished_folders(RUNS, name, settings, RunFolder))
        else:
            folder = given or held.enter_context(held_unfinished_folder(RUNS, name, settings, RunFolder))
        folder.check(settings)
        choice = TableChoice(path=options.table, foreign=options.foreign_table)
        for target, budget in options.targets:
            with naming_device(options.aims, target):
                check_limits(
                    task.space,
                    devices[target].info,
                    of_device(folder, options.aims, target),
                    cache,
                    choice,
                    budget=_sized(budget, task),
                    metrics=options.metrics,
                    objective=preset.objective,
                )
        if check is not None:
            check(_make_run(task, settings, folder.path, cache, session))
        try_metrics(metrics, reporter)
        _tell_unchecked(folder, reporter)
        goes_on = folder.settings.exists()
        if design is not None:
            reporter.console.print(design_page(design))
        if not options.dry:
            folder.begin(settings)
            if options.ops is not None:
                folder.files.write(folder.operations, options.ops.read_bytes())
            if design is not None:
                folder.files.save(design, folder.design)
        others = f", {processes.size} processes" if processes.size > 1 else ""
        reporter.console.print(
            f"{task.name}: {len(task.train)} training and {len(task.test)} test images of {len(task.train.classes)} "
            f"classes; {'going on with' if goes_on else 'new run in'} {folder.path}, on {processes.device.type}{others}"
        )
        return task, settings, folder.path

    with held:
        yield _make_run(*processes.first(begin), cache, session)


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
    """A run that was begun, with its images, to work on what it left.

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
            raise UserError(f"{path} holds an unfinished exploration: give the very explore command again to go on")
        if settings.aims:
            names = ", ".join(folder_name(aim, settings.aims) for aim in settings.aims)
            raise UserError(f"{path} is a sweep, of which each net has a run in it: name one of {names}")
        _tell_unchecked(folder, session.reporter)
        if writes:
            held.enter_context(held_folder(path))
            folder.clear_leftovers()
        images = data_dir or (None if settings.data_dir is None else Path(settings.data_dir))
        if settings.operations != codes(settings.space):
            raise UserError(
                f"{', '.join(settings.operations)} of {path} are not the operations that it was begun with: "
                "install the package that it was begun with, or begin another run"
            )
        # A file may be gone, or another one, since the run was begun.
        space = settings.space if is_space_file(settings.preset.space) else None
        task = _read(partial(read_task, images, settings.preset, space), session.reporter)
        check_classes(task, settings, path)
        if settings.checks_images:
            task = _without_unreadable(task, cache, session)
        found, begun_with = (len(task.train), len(task.test)), (settings.train_images, settings.test_images)
        if task.space != settings.space or found != begun_with:
            raise UserError(
                f"the images in {task.data_dir} are not those of {path}: {found[0]} + {found[1]} images of "
                f"{task.space.classes} classes, not {begun_with[0]} + {begun_with[1]} of {settings.space.classes}: "
                "name the right --data-dir"
            )
        return task, settings

    with held:
        task, settings = session.processes.first(read)
        if device is not None:
            settings = evolve(settings, device=evolve(settings.device, name=device))
        yield _make_run(task, settings, path, cache, session)


def go_on(
    run: Run, until: StepName, *, table: Path | None = None, foreign_table: bool = False, briefly: bool = False
) -> None:
    """Goes the road of a run up to a step, shows what that made, and says where everything is.

    Where there are no converters it ends with the comparison, and says how it goes on where there are.

    Args:
        run: that goes on.
        until: the last step.
        table: a latency table to search with; one is measured if None.
        foreign_table: whether that may be of another device.
        briefly: whether a finished run is told in a few lines, and not all that its report says.

    Raises:
        UserError, PnasError: for anything that the user can mend.
    """

    def check() -> tuple[str, ...]:
        if run.tensorboard:
            run.reporter.line(f"  to watch it: tensorboard --logdir {run.folder.events}")
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
        UserError, PnasError: for anything that the user can mend.
    """
    if run.processes.size > 1:
        raise UserError("a dry run measures one process: start it without torchrun")
    device = target_device(run.target, cache=run.cache, log=None)
    lacking = missing_converters(bundle_formats(device)) if until in DONE_BY_ONE else ()
    choice = TableChoice(path=table, foreign=foreign_table)
    reckoned = dry_run(run, choice, until="compare" if lacking else until, aims=aims)
    run.reporter.console.print(reckoned_page(reckoned))
    if lacking:
        run.reporter.warn(f"To make files this machine lacks {', '.join(lacking)}: the run would end without them")


def finish(run: Run) -> None:
    """Goes the whole road of a run; of one that is finished the page is written anew.

    Raises:
        UserError, PnasError: for anything that the user can mend.
    """
    if run.processes.first(lambda: run.folder.is_finished and not run.folder.damages()):
        page = run.processes.first(lambda: write_page(run.folder))
        run.reporter.console.print(
            f"{run.folder.path} is finished: {run.folder.report}, and anew {page}", soft_wrap=True
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
        raise UserError(f"no browser is here: copy {page} to where one is, it needs nothing else") from None
    browser.open(page.resolve().as_uri())


def _command() -> str:
    context = click.get_current_context(silent=True)
    return "" if context is None else str(context.meta.get(COMMAND, ""))


def _way_on(run: Run, lacking: Sequence[str]) -> str:
    """Where and by which command a run goes on that no files can be made for here."""
    program = click.get_current_context().find_root().info_name
    device = " --device tflite" if run.target.name.startswith("torch-cuda") else ""
    return (
        f"The net is trained. To make its files this machine lacks {', '.join(lacking)}: copy {run.folder.path} to "
        f"one that has them, and go on there with: {program} report {run.folder.path.name} --data-dir IMAGES{device}"
    )


def _make_run(task: Task, settings: RunSettings, path: Path, cache: Cache, session: Session) -> Run:
    return Run(
        task=task.on(session.processes.device),
        preset=settings.preset,
        folder=RunFolder(path),
        seed=settings.seed,
        reporter=session.reporter,
        cache=cache,
        budget=_sized(settings.budget, task),
        metrics=settings.metrics,
        target=settings.device,
        start=settings.start,
        processes=session.processes,
        workers=session.workers,
        deterministic=session.deterministic,
        tensorboard=session.tensorboard,
    )


def _tell_unchecked(folder: RunFolder, reporter: Reporter) -> None:
    if folder.is_unchecked:
        reporter.line(f"{folder.files.path} is missing: what is in the run's files is taken as it is, unchecked")


def _sized(budget: Budget, task: Task) -> Budget:
    """The budget, with the size of what a file says beside the net: labels, above all."""
    metadata = Metadata(labels=task.train.classes, preprocessing=task.train.preprocessing)
    return evolve(budget, metadata_bytes=metadata.size_bytes)


def _given_folder(path: Path, held: ExitStack | None) -> RunFolder:
    """The folder that a run was given, as far as it can be judged before the run's settings are known."""
    folder = RunFolder(path)
    folder.refuse_finished()
    folder.refuse_foreign()
    if held is not None:
        held.enter_context(held_folder(path))
    return folder


def _read(read_task: Callable[[Reporter], Task], reporter: Reporter) -> Task:
    try:
        task = read_task(reporter)
        workloads(task.space)
    except ValueError as error:
        raise UserError(str(error)) from None
    return task


def _without_unreadable(task: Task, cache: Cache, session: Session) -> Task:
    # The other processes wait, so that their workers' cores are free.
    workers = session.workers * session.processes.size
    return without_unreadable(task, workers=workers, cache=cache, reporter=session.reporter)
