"""From a command line to a new run."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import click
from attrs import evolve, frozen

from pnas_apps.cli.opening import (
    make_run,
    quiet_loading,
    read_checked,
    readable_task,
    sized_budget,
    tell_other_images,
    tell_unchecked,
)
from pnas_apps.cli.options import RUNS
from pnas_apps.cli.program import COMMAND
from pnas_apps.cli.resuming import resumes_from
from pnas_apps.cli.run_options import RunOptions
from pnas_apps.cli.start_options import AskedStart
from pnas_apps.devices.columns import command_metrics, try_metrics
from pnas_apps.devices.known_tables import read_table
from pnas_apps.devices.target import check_file_limits, target_device
from pnas_apps.exploring.named_strategies import SUPERNET_STRATEGIES
from pnas_apps.ground.cache import Cache, find_cache
from pnas_apps.ground.gpus import check_precisions
from pnas_apps.ground.progress import Reporter
from pnas_apps.ground.session import Session
from pnas_apps.images.batch_parts import check_shared
from pnas_apps.images.image_hash import image_hash
from pnas_apps.run.classes import check_classes
from pnas_apps.run.designing import Designer
from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_apps.run.lock import held_folder, held_unfinished_folder
from pnas_apps.run.operations import check_used, codes
from pnas_apps.run.preset import Preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.sweep_aims import naming_device
from pnas_apps.run.sweep_folder import of_device
from pnas_apps.run.task import Task, check_task
from pnas_apps.showing.design_table import design_page
from pnas_apps.steps.needless_limits import needless_counts
from pnas_apps.steps.pipeline import StepName, check_export_images
from pnas_apps.steps.search_images import check_search_images
from pnas_apps.steps.start import Start, find_start
from pnas_apps.steps.table import TableChoice, check_limits, empty_table
from pnas_latency import Device, SpaceDesign
from pnas_ops import Space

MakePreset = Callable[[], tuple[Preset, Space | None]]
ReadTask = Callable[[Preset, Space | None, Reporter], Task]
Devices = Mapping[DeviceSettings, Device]
"""What nets are searched for, by what the command line says of it."""


@contextmanager
def begin_run(
    name: str,
    make_preset: MakePreset,
    read_task: ReadTask,
    options: RunOptions,
    session: Session,
    *,
    until: StepName = "report",
    designer: Designer | None = None,
    exploration: ExplorationSettings | None = None,
    start: AskedStart | None = None,
    check: Callable[[Run], None] | None = None,
) -> Iterator[Run]:
    """A new run, or one that was interrupted and resumes: its images read, its folder found and held to the end.

    All that can be refused before the table is measured is refused before anything is written. A run that is only
    estimated is refused for the same, in the same way, and leaves nothing in its folder.

    Args:
        name: begins the name of its folder, where it is given none.
        make_preset: the preset, and the space where it names a file; both may be refused.
        read_task: reads images and space.
        options: of the command line.
        session: what to work with.
        until: the step that it is to go to.
        designer: chooses the size of the preset's space; None where the preset says it.
        exploration: how nets are to be judged one by one; None for a search by gates.
        start: the search that its own is to start from; None to start from scratch.
        check: refuses what the command alone knows of, by the run as it is to be.

    Raises:
        UserError, PnasError: for anything that the user can fix.
    """
    with ExitStack() as held:
        beginning = _Beginning(
            name=name,
            make_preset=make_preset,
            read_task=read_task,
            options=options,
            session=session,
            until=until,
            designer=designer,
            exploration=exploration,
            start=start,
            check=check,
            cache=find_cache(options.cache_dir),
            held=held,
        )
        yield make_run(*session.processes.first(beginning.begin), beginning.cache, session)


@frozen(kw_only=True, eq=False)
class _Beginning:
    """What `begin_run` is given, the cache, and what is held as long as the run goes on."""

    name: str
    make_preset: MakePreset
    read_task: ReadTask
    options: RunOptions
    session: Session
    until: StepName
    designer: Designer | None
    exploration: ExplorationSettings | None
    start: AskedStart | None
    check: Callable[[Run], None] | None
    cache: Cache
    held: ExitStack

    def begin(self) -> tuple[Task, RunSettings, Path]:
        """The images, the settings and the folder, all of which one process finds for all."""
        options, reporter = self.options, self.session.reporter
        preset, space = self.make_preset()
        check_shared(preset.batch_size, self.session.processes.size)
        check_precisions(self.session.processes.device, search=preset.search.precision, train=preset.train.precision)
        # What needs no images is refused before they are read.
        devices = self._devices()
        start = None if self.start is None else find_start(self.start.run, alpha=self.start.alpha)
        if options.table is not None:
            read_table(options.table)
        metrics = command_metrics(
            options.metrics, threads=options.device.threads, dtype=options.device.dtype, cache=self.cache, log=None
        )
        given = self._given_folder()
        preset, task, design = self._designed(preset, space, devices[options.device])
        task = self._checked(task, preset, given, start, devices.values())
        settings = self._settings(task, preset, start)
        folder = given or self.held.enter_context(held_unfinished_folder(RUNS, self.name, settings, RunFolder))
        resumes_from(folder.settings)
        folder.check(settings)
        if folder.settings.exists() and not folder.files.has_changed(folder.settings):
            tell_other_images(folder.path, folder.read_settings(), settings.images, self.session.reporter)
        self._check_limits(task, preset, folder, devices)
        if self.check is not None:
            self.check(make_run(task, settings, folder.path, self.cache, self.session))
        try_metrics(metrics, reporter)
        tell_unchecked(folder, reporter)
        goes_on = folder.settings.exists()
        if design is not None:
            reporter.console.print(design_page(design))
        if not options.dry:
            self._write(folder, settings, design)
        self._tell(task, folder, goes_on=goes_on)
        return task, settings, folder.path

    def _devices(self) -> Devices:
        found = {target: target_device(target, cache=self.cache, log=None) for target, _ in self.options.targets}
        for target, budget in self.options.targets:
            check_file_limits(found[target], target, budget, self.options.metrics)
        return found

    def _given_folder(self) -> RunFolder | None:
        """The folder that a run was given, as far as it can be judged before the run's settings are known."""
        path = self.options.run_dir
        if path is None:
            return None
        folder = RunFolder(path)
        folder.refuse_finished()
        folder.refuse_foreign()
        self.held.enter_context(held_folder(path))
        resumes_from(folder.settings)
        return folder

    def _designed(self, preset: Preset, space: Space | None, device: Device) -> tuple[Preset, Task, SpaceDesign | None]:
        """The images, and the preset and the space in the size that is chosen for them."""
        reporter, designer = self.session.reporter, self.designer
        if designer is not None:
            designer.check(preset, self.options.budget, device.info)
        task = read_checked(partial(self.read_task, preset, space), reporter)
        if designer is None:
            return preset, task, None
        chosen, chosen_space, design = designer.choose(
            preset,
            classes=len(task.train.classes),
            budget=sized_budget(self.options.budget, task),
            device=device.info,
            seed=self.options.seed,
            reporter=reporter,
        )
        # Images are kept at the size that they were read for.
        if chosen.resolution == preset.resolution:
            return chosen, evolve(task, space=chosen_space), design
        return chosen, read_checked(partial(self.read_task, chosen, None), reporter), design

    def _checked(
        self, task: Task, preset: Preset, given: RunFolder | None, start: Start | None, devices: Collection[Device]
    ) -> Task:
        """The images that can be read, which are enough for all that is to be done."""
        options = self.options
        check_task(task, preset)
        if start is not None:
            start.check(task)
            if doubt := start.doubt(preset, options.seed):
                self.session.reporter.warn(doubt)
        if options.ops is not None:
            check_used(options.ops, task.space)
        if given is not None and given.settings.exists() and not given.files.has_changed(given.settings):
            check_classes(task, given.read_settings(), given.path)
        self._check_count(task, preset, devices)
        if options.check:
            task = readable_task(task, self.cache, self.session)
            self._check_count(task, preset, devices)
        if start is not None:
            start.check_images(task, quiet_loading(task))
        return task

    def _check_count(self, task: Task, preset: Preset, devices: Collection[Device]) -> None:
        """Refuses images that are too few for all that is to be done: before they are read, which takes a while."""
        size = self.session.processes.size
        if self.exploration is None or self.exploration.strategy in SUPERNET_STRATEGIES:
            check_search_images(task, preset, size)
        for device in devices:
            check_export_images(task, device, until=self.until)

    def _settings(self, task: Task, preset: Preset, start: Start | None) -> RunSettings:
        options = self.options
        return RunSettings(
            task=task.name,
            seed=options.seed,
            preset=preset,
            space=task.space,
            train_images=len(task.train),
            test_images=len(task.test),
            classes=task.train.classes,
            images=image_hash(task.train, quiet_loading(task)),
            checks_images=options.check,
            operations=codes(task.space),
            budget=options.budget,
            metrics=options.metrics,
            device=options.device,
            aims=options.aims,
            start=None if start is None else start.start,
            data_dir=None if task.data_dir is None else str(task.data_dir),
            command=_command(),
            exploration=self.exploration,
        )

    def _check_limits(self, task: Task, preset: Preset, folder: RunFolder, devices: Devices) -> None:
        options = self.options
        choice = TableChoice(path=options.table, foreign=options.foreign_table)
        needless: dict[str, None] = {}
        for target, budget in options.targets:
            info, sized = devices[target].info, sized_budget(budget, task)
            with naming_device(options.aims, target):
                check_limits(
                    task.space,
                    info,
                    of_device(folder, options.aims, target),
                    self.cache,
                    choice,
                    budget=sized,
                    metrics=options.metrics,
                    objective=preset.objective,
                )
            needless |= dict.fromkeys(needless_counts(task.space, empty_table(info), sized))
        for line in needless:
            self.session.reporter.warn(line)

    def _write(self, folder: RunFolder, settings: RunSettings, design: SpaceDesign | None) -> None:
        folder.begin(settings)
        if self.options.ops is not None:
            folder.files.write(folder.operations, self.options.ops.read_bytes())
        if design is not None:
            folder.files.save(design, folder.design)

    def _tell(self, task: Task, folder: RunFolder, *, goes_on: bool) -> None:
        processes = self.session.processes
        others = f", {processes.size} processes" if processes.size > 1 else ""
        self.session.reporter.console.print(
            f"{task.name}: {len(task.train)} training and {len(task.test)} test images of {len(task.train.classes)} "
            f"classes; {'resuming' if goes_on else 'new run in'} {folder.path}, on {processes.device.type}{others}"
        )


def _command() -> str:
    context = click.get_current_context(silent=True)
    return "" if context is None else str(context.meta.get(COMMAND, ""))
