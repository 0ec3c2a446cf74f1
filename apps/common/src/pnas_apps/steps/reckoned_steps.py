"""Estimates of each step of a run, from short trials and from what the run's folder holds already."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from pnas_apps.devices.cached_tables import Lacking
from pnas_apps.devices.target import bundle_formats
from pnas_apps.run.accuracies import Finished
from pnas_apps.run.checked_lines import read_lines
from pnas_apps.run.folder import SEARCHED, holds_bundle
from pnas_apps.run.judged_nets import left_to_judge
from pnas_apps.run.reckoned import ReckonedStep
from pnas_apps.run.run import Run
from pnas_apps.steps.device_trial import DeviceTrial
from pnas_apps.steps.effort import most_compared
from pnas_apps.steps.learning_trial import FORWARD, SearchTrial, TrainingTrial
from pnas_apps.steps.search_images import split_search_images
from pnas_apps.steps.weights_judge import batches_by_weights
from pnas_export import Format, file_name, installed_runtimes
from pnas_latency import Device, LatencyTable
from pnas_ops import (
    BASELINES,
    Architecture,
    ArchitectureError,
    PnasError,
    architecture_parameters,
    baseline,
    counted,
)
from pnas_supernet import has_checkpoint

LANDINGS = 3
"""Nets that a search measures before it has landed, as a rule."""
_WIDTHS = 3
"""Of a hand-made net that are measured until one is as fast, as a rule."""
_ENDS = 3
"""Nets of the space that a comparison measures: the searched, the fastest and the biggest one."""
_FILE_S = 4.0
"""To prove and to time a file on a runtime, beside the images."""
_CALL_MS = 0.1
"""That an image takes beside the net, when a file is judged."""
_BYTES = 4
"""Of a weight."""
PAGE_BYTES = 1e6
"""Of reports and pictures."""


@frozen(kw_only=True)
class Target:
    """A device of a run, its table where that is known, and what measuring takes there."""

    run: Run
    device: Device
    table: LatencyTable | None
    lacking: Lacking
    trial: DeviceTrial


@frozen(kw_only=True)
class Learner:
    """A run that trains a net in the end, and how the training goes."""

    run: Run
    training: TrainingTrial

    @property
    def batches(self) -> tuple[int, int]:
        """The numbers of batches of an epoch and of the test images."""
        train, test, size = self.run.task.train, self.run.task.test, self.run.preset.batch_size
        return max(1, len(train) // size), -(-len(test) // size)


@frozen(kw_only=True)
class Goal(Learner):
    """A net that a run is after: one like it, on its device, and how the training of the ends of its space goes."""

    target: Target
    net: Architecture
    ends: tuple[TrainingTrial, ...]


def table_step(targets: Sequence[Target]) -> ReckonedStep:
    """The step that measures what the table of each device lacks."""
    blocks = sum(target.lacking.count for target in targets)
    nets = sum(len(target.lacking.nets) for target in targets)
    on = f" on {counted(len(targets), 'device')}" if len(targets) > 1 else ""
    what = f"{counted(blocks, 'block')} and {counted(nets, 'net')} to measure{on}" if blocks or nets else "exists"
    return ReckonedStep(
        name="table",
        what=what,
        seconds=sum(target.trial.table_s(target.lacking) for target in targets),
        memory_bytes=max(target.trial.memory_bytes for target in targets),
    )


def search_step(run: Run, goals: Sequence[Goal], trial: SearchTrial) -> ReckonedStep:
    """The epochs that are left, and the nets that are measured until it has landed."""
    config, folder = run.preset.search, run.folder
    weights, _ = split_search_images(run.task.train, run.preset, run.generator)
    batches, epochs = max(1, len(weights) // run.preset.batch_size), config.warmup_epochs + config.epochs
    done = min(epochs, epochs_done(folder.history)) if has_checkpoint(folder.search_checkpoint) else 0
    seconds = trial.pace.search_s(config, batches, done=done, aims=len(goals))
    what = f"{counted(epochs, 'epoch')} of {counted(batches, 'step')}" + (f", {done} of them done" if done else "")
    landing = [goal for goal in goals if not goal.run.folder.landing.exists()]
    each = min(run.preset.judged_nets, run.task.space.size())
    if judged := sum(left_to_judge(goal.run.folder, each) for goal in landing):
        seconds += judged * batches_by_weights(run) * trial.pace.weights_s / FORWARD
        what += f"; then up to {counted(judged, 'net')} judged"
    measured = [goal for goal in landing if goal.run.budget.latency_ms]
    seconds += sum(LANDINGS * goal.target.trial.net_s for goal in measured)
    if measured:
        what += f"; then about {LANDINGS * len(measured)} nets measured"
    objective = run.preset.objective
    if objective.form == "reinforce" and objective.reward_cost != "table":
        # Every net that it draws is converted or measured, and some come again: nobody knows how many.
        return ReckonedStep(name="search", what=f"{what}; rewards {objective.reward_cost}", seconds=None)
    return ReckonedStep(
        name="search",
        what=what,
        seconds=seconds,
        memory_bytes=trial.memory_bytes,
        disk_bytes=trial.state_bytes * (1 if len(goals) == 1 else 2),  # the weights of all aims are there once
    )


def train_step(goals: Sequence[Learner]) -> ReckonedStep:
    """The nets that ship."""
    config, seconds, left = goals[0].run.preset.train, 0.0, 0
    for goal in goals:
        folder = goal.run.folder.network(SEARCHED)
        if not folder.weights.exists():
            epochs = max(0, config.epochs - epochs_done(folder.history))
            seconds, left = seconds + goal.training.training_s(epochs, *goal.batches), left + 1
    each = f"{counted(config.epochs, 'epoch')} of {counted(goals[0].batches[0], 'step')}"
    what = f"{counted(left, 'net')} for {each}" if left else "is done"
    return ReckonedStep(
        name="train",
        what=what,
        seconds=seconds,
        memory_bytes=max(goal.training.memory_bytes for goal in goals),
        disk_bytes=sum(goal.training.state_bytes for goal in goals),
    )


def compare_step(goals: Sequence[Goal]) -> ReckonedStep:
    """The trainings that are not done, and the published nets that are made as fast."""
    preset = goals[0].run.preset
    compare, count = preset.compare, most_compared(preset)
    if not count:
        return ReckonedStep(name="compare", what="no comparison", seconds=0.0)
    trainings, seconds = 0, 0.0
    for goal in goals:
        left = max(0, count * compare.seeds - _finished(goal.run.folder.accuracies, compare.epochs))
        like = (count - len(goal.ends)) * goal.training.training_s(compare.epochs, *goal.batches)
        ends = sum(end.training_s(compare.epochs, *goal.batches) for end in goal.ends)
        trainings, seconds = trainings + left, seconds + (like + ends) * left / count
        if not goal.run.folder.contenders.exists():
            seconds += sum(_WIDTHS * goal.target.trial.blocks_s(blocks) for blocks in _hand_made_blocks(goal.run))
            # The table has converted nearly all of their blocks.
            seconds += goal.target.trial.blocks_s(_ENDS)
    what = f"{counted(trainings, 'training')} of {counted(compare.epochs, 'epoch')}, of up to {counted(count, 'net')}"
    return ReckonedStep(
        name="compare",
        what=what if trainings else "is done",
        seconds=seconds,
        memory_bytes=max(trial.memory_bytes for goal in goals for trial in (goal.training, *goal.ends)),
        disk_bytes=max(trial.state_bytes for goal in goals for trial in (goal.training, *goal.ends)),
    )


def export_step(goals: Sequence[Goal]) -> ReckonedStep:
    """The files that are not there."""
    left = [goal for goal in goals if not holds_bundle(goal.run.folder.bundle(SEARCHED))]
    formats = bundle_formats(goals[0].target.device)
    images = len(goals[0].run.task.test)
    seconds = sum(export_s(goal.target.trial, formats, images=images) for goal in left)
    disk = sum((1 + len(formats)) * _BYTES * architecture_parameters(goal.net) for goal in left)
    what = f"{', '.join(map(file_name, formats))}, proven on {images:,} images" if left else "is done"
    if len(left) > 1:
        what = f"{len(left)} times {what}"
    memory = max(goal.target.trial.memory_bytes for goal in goals)
    return ReckonedStep(name="export", what=what, seconds=seconds, memory_bytes=memory, disk_bytes=disk)


def export_s(trial: DeviceTrial, formats: Sequence[Format], *, images: int) -> float:
    """To make files of a net and to prove each of them on every runtime that is here."""
    proofs = sum(one.suffix == Path(file_name(name)).suffix for name in formats for one in installed_runtimes())
    judging_s = images * (trial.net_ms + _CALL_MS) / 1000
    return len(formats) * trial.file_s + proofs * (_FILE_S + judging_s)


def report_step(goals: Sequence[Goal]) -> ReckonedStep:
    """What is measured in the end."""
    seconds = 0.0
    for goal in goals:
        trial, blocks = goal.target.trial, [*_hand_made_blocks(goal.run)]
        seconds += trial.measuring_s + sum(map(trial.blocks_s, blocks))
    others = f", and {counted(len(blocks), 'published net')}" if blocks else ""
    return ReckonedStep(
        name="report",
        what=f"the file measured{others}",
        seconds=seconds,
        disk_bytes=PAGE_BYTES * len(goals),
    )


def _hand_made_blocks(run: Run) -> Iterator[int]:
    """The number of blocks of each published net that is measured."""
    space = run.task.space
    for name in (one for one in BASELINES if one in run.preset.measured_baselines):
        with suppress(ArchitectureError):
            net = baseline(name, resolution=space.resolution, in_channels=space.in_channels, classes=space.classes)
            yield len(net.blocks)


def epochs_done(path: Path) -> int:
    """Lines of a history; none where it is not there."""
    try:
        return len(path.read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError):
        return 0


def _finished(path: Path, epochs: int) -> int:
    """Trainings of so many epochs that a comparison has behind it."""
    with suppress(OSError, PnasError):
        trainings, _ = read_lines(path, Finished, unchanged=True)
        return sum(one.epochs == epochs for one in trainings)
    return 0
