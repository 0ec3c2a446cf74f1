"""What a run would do and take, from a few steps of each kind: nothing of it is left."""

import time

from pnas_apps.devices.cached_tables import Lacking, lacking
from pnas_apps.devices.target import bundle_formats, target_device
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.run.folder import SEARCHED, holds_bundle
from pnas_apps.run.judged_nets import left_to_judge
from pnas_apps.run.reckoned import Reckoned, ReckonedStep
from pnas_apps.showing.run_tables import of_batch
from pnas_apps.steps.budget_doubt import budget_doubt
from pnas_apps.steps.device_trial import try_device
from pnas_apps.steps.learning_trial import FORWARD, TimedBatches, to_try, try_search, try_training
from pnas_apps.steps.needless_limits import needless_by_table
from pnas_apps.steps.reckoned_steps import LANDINGS, epochs_done, export_s
from pnas_apps.steps.reference_nets import range_line
from pnas_apps.steps.table import TableChoice, known_table
from pnas_apps.steps.trials import SEARCH_S, TRAININGS_S
from pnas_apps.training.training import Training
from pnas_export import file_name
from pnas_ops import DeviceInfo, counted
from pnas_own.run import ORIGINAL, OwnRun
from pnas_own.trial import known_classes
from pnas_supernet import ProxylessNAS, has_checkpoint, imitate

_IMITATION_S = 8.0
"""Of trying."""
_MEASURING = 3
"""Passes of an imitation that only measure."""


def dry_run(run: OwnRun, choice: TableChoice) -> Reckoned:
    """What the steps would do and take. The nets of the run have learnt a little then: no step may come after.

    Raises:
        UserError, PnasError: for anything that the user can fix.
    """
    began = time.perf_counter()
    device, space, reporter = target_device(run.target, cache=run.cache, log=None), run.space, run.session.reporter
    known = known_table(space, device.info, run.folder, run.cache, choice)
    left = Lacking(blocks=(), nets=()) if known is not None else lacking(device.info, space, run.cache)
    with reporter.phases() as progress:
        trial = try_device(device, space.original, name=run.target.name, build=run.supernet.build, progress=progress)
    if known is None:
        doubt = budget_doubt(
            device,
            space.lightest,
            asked_ms=run.budget.latency_ms,
            likely_ms=trial.net_ms,
            reporter=reporter,
            build=run.supernet.build,
        )
        doubts = [] if doubt is None else [doubt]
    else:
        doubts = [*needless_by_table(space, known, run.budget)]
    table = ReckonedStep(
        name="table",
        what=f"{counted(left.count, 'different candidate')} and {counted(len(left.nets), 'net')} to measure"
        if known is None
        else "exists",
        seconds=trial.table_s(left),
        memory_bytes=trial.memory_bytes,
    )
    imitation = _imitation(run)
    search = _search(run, landing_s=trial.net_s)
    training = _training(run)
    formats = bundle_formats(device)
    is_exported = holds_bundle(run.folder.bundle(SEARCHED))
    export = ReckonedStep(
        name="export",
        what="is done" if is_exported else ", ".join(map(file_name, formats)),
        seconds=0.0 if is_exported else export_s(trial, formats, images=run.data.sizes[1]),
        memory_bytes=trial.memory_bytes,
    )
    report = ReckonedStep(name="report", what="both nets measured", seconds=2 * trial.net_s)
    return Reckoned(
        steps=(table, imitation, search, training, export, report),
        on_gpu=run.session.processes.device.type == "cuda",
        measured_s=time.perf_counter() - began,
        notes=_notes(run, device.info, trial.net_ms),
        doubts=tuple(doubts),
    )


def _notes(run: OwnRun, device: DeviceInfo, original_ms: float) -> tuple[str, ...]:
    target_ms, space = run.budget.latency_ms, run.space
    asked = "" if target_ms is None else f", {target_ms:g} ms are requested"
    return (
        f"The original takes {original_ms:.4f} ms{of_batch(device)} on {run.target.name} now{asked}.",
        f"To choose from: {counted(sum(space.options), 'candidate')} at {counted(len(space.places), 'place')}.",
        range_line(space),
    )


def _imitation(run: OwnRun) -> ReckonedStep:
    epochs, batches = run.preset.imitation_epochs, run.data.training("weights", "imitate")
    if not epochs or run.folder.imitated.exists() or has_checkpoint(run.folder.search_checkpoint):
        return ReckonedStep(name="imitate", what="is done" if epochs else "no imitation", seconds=0.0)
    began, few = time.perf_counter(), [*TimedBatches(batches, _IMITATION_S / (1 + _MEASURING))]
    with run.session.reporter.phases() as progress:
        imitate(run.supernet, few, epochs=1, progress=progress)
    passes_s = (time.perf_counter() - began) * len(batches) / len(few)
    seconds = passes_s * (epochs + _MEASURING) / (1 + _MEASURING)
    return ReckonedStep(name="imitate", what=_passes(epochs, len(batches)), seconds=seconds)


def _search(run: OwnRun, *, landing_s: float) -> ReckonedStep:
    config, batches = run.preset.search, run.data.training("weights", "pace")
    with run.session.reporter.shares("trying the search") as tell:
        search = ProxylessNAS(
            run.supernet,
            to_try(config),
            generator=seeded_generator(run.seed, "pace"),
            loss=run.given.loss,
            score=run.given.score,
        )
        alpha = run.data.training("choice", "pace")
        trial = try_search(search, batches, alpha, run.session.processes.device, seconds=SEARCH_S, tell=tell)
    epochs = config.warmup_epochs + config.epochs
    done = min(epochs, epochs_done(run.folder.history))
    has_landed = run.folder.landing.exists()
    what = _passes(epochs, len(batches)) + (f", {done} of them done" if done else "")
    seconds = trial.pace.search_s(config, len(batches), done=done)
    judged = 0 if has_landed else left_to_judge(run.folder, min(run.preset.judged_nets, run.space.size()))
    if judged:
        seconds += judged * sum(map(len, run.data.judging())) * trial.pace.weights_s / FORWARD
        what += f"; then up to {counted(judged, 'net')} judged"
    if run.budget.latency_ms is not None and not has_landed:
        seconds += LANDINGS * landing_s
    return ReckonedStep(
        name="search",
        what=what,
        seconds=seconds,
        memory_bytes=trial.memory_bytes,
        disk_bytes=trial.state_bytes,
    )


def _training(run: OwnRun) -> ReckonedStep:
    config, batches = run.preset.train, run.data.training("all", "pace")
    with run.session.reporter.shares("trying the training") as tell:
        training = Training(
            run.network,
            config,
            classes=known_classes(run.data, run.given),
            loss=run.given.loss,
            score=run.given.score,
        )
        trial = try_training(training, batches, run.session.processes.device, seconds=TRAININGS_S, tell=tell)
    seconds, left = 0.0, 0
    for name in (SEARCHED, ORIGINAL):
        folder = run.folder.network(name)
        if not folder.weights.exists():
            epochs, left = config.epochs - epochs_done(folder.history), left + 1
            seconds += trial.training_s(epochs, len(batches), len(run.data.test()))
    return ReckonedStep(
        name="train",
        what=f"{counted(left, 'net')} for {_passes(config.epochs, len(batches))}" if left else "is done",
        seconds=seconds,
        memory_bytes=trial.memory_bytes,
        disk_bytes=2 * trial.state_bytes,
    )


def _passes(epochs: int, steps: int) -> str:
    return f"{counted(epochs, 'epoch')} of {counted(steps, 'step')}"
