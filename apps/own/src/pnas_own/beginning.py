"""From a command line to a run, new or begun: what can be refused is refused here, before anything slow."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import nn

from pnas_apps.cli.options import RUNS
from pnas_apps.cli.resuming import resumes_from
from pnas_apps.cli.run_options import RunOptions
from pnas_apps.devices.columns import command_metrics, try_metrics
from pnas_apps.devices.known_tables import read_table
from pnas_apps.devices.target import bundle_formats, check_file_limits, target_device
from pnas_apps.ground.cache import Cache, find_cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.gpus import check_precisions
from pnas_apps.ground.randomness import seed_of, seeded_generator
from pnas_apps.ground.session import Session
from pnas_apps.run.lock import held_folder, held_unfinished_folder
from pnas_apps.run.trusted_code import trust
from pnas_apps.steps.export import check_calibration
from pnas_apps.steps.needless_limits import needless_counts
from pnas_apps.steps.table import TableChoice, check_limits, empty_table
from pnas_export import MIN_CALIBRATION_IMAGES, Format
from pnas_ops import ModuleSpace
from pnas_own.data import Data
from pnas_own.folder_data import read_folder
from pnas_own.given import Given, read_given
from pnas_own.loader_data import read_loaders
from pnas_own.preset import OwnPreset
from pnas_own.rules import default_rule
from pnas_own.run import OwnFolder, OwnRun, OwnSettings
from pnas_own.trial import check_net
from pnas_supernet import ModuleSuperNet, PlaceError, search_space_of, seeded


@contextmanager
def begin_run(make: str, data_dir: Path, preset: OwnPreset, options: RunOptions, session: Session) -> Iterator[OwnRun]:
    """A new run, or one that was interrupted and resumes; its folder is held to the end.

    Args:
        make: FILE.py:FUNCTION.
        data_dir: folder of the images.
        preset: options of the run.
        options: of the command line.
        session: what to work with.

    Raises:
        UserError, PnasError: for anything that the user can fix.
    """
    if session.processes.size > 1:
        raise UserError("pnas-own runs in one process: start it without torchrun")
    check_precisions(session.processes.device, search=preset.search.precision, train=preset.train.precision)
    given, cache = read_given(make), find_cache(options.cache_dir)
    device = target_device(options.device, cache=cache, log=None)
    check_file_limits(device, options.device, options.budget, options.metrics)
    if options.table is not None:
        read_table(options.table)
    trust(given.path, cache)
    with ExitStack() as held:
        if options.run_dir is not None:
            folder = OwnFolder(options.run_dir)
            folder.refuse_finished()
            folder.refuse_foreign()
            held.enter_context(held_folder(folder.path))
            resumes_from(folder.settings)
        data = _read_data(given, data_dir, preset, options, bundle_formats(device), cache, session)
        with seeded(seed_of(options.seed, "make")):
            network = given.network(len(data.classes))
        network.to(session.processes.device)
        if not any(value.ndim == 5 for value in network.parameters()):  # which PyTorch refuses to lay out so
            network.to(memory_format=torch.channels_last)
        if not network.training:  # otherwise what is in evaluation mode is so on purpose
            network.train()
        check_net(network, data, given, preset)
        supernet = _make_supernet(network, data, given, options.seed)
        settings = _settings(given, data, supernet.space, data_dir, preset, options)
        if options.run_dir is None:
            folder = held.enter_context(held_unfinished_folder(RUNS, "own", settings, OwnFolder))
        resumes_from(folder.settings)
        folder.check(settings)
        check_limits(
            supernet.space,
            device.info,
            folder,
            cache,
            TableChoice(path=options.table, foreign=options.foreign_table),
            budget=options.budget,
            metrics=options.metrics,
            objective=preset.objective,
        )
        for line in needless_counts(supernet.space, empty_table(device.info), options.budget):
            session.reporter.warn(line)
        metrics = partial(
            command_metrics, options.metrics, threads=options.device.threads, dtype=options.device.dtype, cache=cache
        )
        try_metrics(metrics(log=None), session.reporter)
        _tell_changes(folder, settings, session)
        goes_on = folder.settings.exists()
        if not options.dry:
            folder.begin(settings)
        images = "images" if given.loaders is None else "batches"
        session.reporter.line(
            f"{data.name}: {data.sizes[0]} training and {data.sizes[1]} test {images}; {len(supernet.space.places)} "
            f"places; {'resuming' if goes_on else 'new run in'} {folder.path}, on {session.processes.device.type}"
        )
        yield OwnRun(
            given=given,
            data=data,
            network=network,
            supernet=supernet,
            preset=preset,
            folder=folder,
            seed=options.seed,
            budget=options.budget,
            metrics=metrics(log=folder.converter_log),
            target=options.device,
            cache=cache,
            session=session,
        )


def _read_data(
    given: Given,
    data_dir: Path,
    preset: OwnPreset,
    options: RunOptions,
    formats: Sequence[Format],
    cache: Cache,
    session: Session,
) -> Data:
    if not data_dir.is_dir():
        raise UserError(f"{data_dir} is not a folder: name another --data-dir")
    if given.loaders is None:
        return read_folder(
            data_dir, preset, formats=formats, seed=options.seed, check=options.check, cache=cache, session=session
        )
    data = read_loaders(given, data_dir, seed=options.seed, device=session.processes.device)
    if data.sizes[0] < preset.search.arch_interval:
        raise UserError(
            f"{given.path}: loaders give {data.sizes[0]} batches for the weights, fewer than one architecture step "
            f"needs ({preset.search.arch_interval}): give --search-arch-interval {data.sizes[0]}, or let loaders give "
            "more"
        )
    check_calibration(data.name, len(data.calibration(MIN_CALIBRATION_IMAGES)), formats, or_else="")
    return data


def _settings(
    given: Given, data: Data, space: ModuleSpace, data_dir: Path, preset: OwnPreset, options: RunOptions
) -> OwnSettings:
    train_images, test_images = data.sizes
    return OwnSettings(
        task=data.name,
        seed=options.seed,
        preset=preset,
        space=space,
        train_images=train_images,
        test_images=test_images,
        classes=data.classes,
        budget=options.budget,
        metrics=options.metrics,
        device=options.device,
        make=f"{given.path.resolve()}:{given.name}",
        sha256=given.sha256,
        data_dir=str(data_dir.resolve()),
    )


def _make_supernet(network: nn.Module, data: Data, given: Given, seed: int) -> ModuleSuperNet:
    example = torch.zeros(data.preprocessing.input_shape, device=next(network.parameters()).device)
    rule = given.rule or default_rule()

    def make() -> ModuleSuperNet:
        try:
            return search_space_of(
                network, example, rule, name=given.name, generator=seeded_generator(seed, "architecture")
            )
        except PlaceError as error:
            if given.rule is not None:
                raise
            raise UserError(
                f"{given.path} has no rule, and the default rule does not fit the net that {given.name} makes "
                f"({error.what}): add a function rule that returns the candidates for each module"
            ) from None

    return given.call("rule" if given.rule is not None else given.name, make)


def _tell_changes(folder: OwnFolder, settings: OwnSettings, session: Session) -> None:
    if folder.settings.exists() and not folder.files.has_changed(folder.settings):
        found = folder.read_settings()
        if (found.sha256, found.make) != (settings.sha256, settings.make):
            session.reporter.warn(
                f"{settings.make} has changed since the run began: the results in {folder.path} are from the earlier "
                "version"
            )
