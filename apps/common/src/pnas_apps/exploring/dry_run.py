"""What an exploration would do and take, from a few steps of each kind: nothing of it is left."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean
from typing import get_args

import torch
from attrs import frozen

from pnas_apps.exploring.entries import Group
from pnas_apps.exploring.exploration import Exploration
from pnas_apps.exploring.explore import Resources, known_exploration, steps_of
from pnas_apps.exploring.inherited_judge import as_searched
from pnas_apps.exploring.named_strategies import SUPERNET_STRATEGIES
from pnas_apps.exploring.naming import known_explorer_name, worker_name
from pnas_apps.exploring.page import effort_line
from pnas_apps.exploring.scratch_judge import ScratchJudge
from pnas_apps.exploring.study import KnownStudy, look_at_study
from pnas_apps.exploring.supernet_strategies import judged_by_strategy, strategy_search, supernet_strategy
from pnas_apps.exploring.workers import folder_of
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_apps.run.reckoned import Reckoned, ReckonedStep
from pnas_apps.run.run import Run
from pnas_apps.steps.learning_trial import FORWARD, SearchTrial, TrainingTrial, to_try
from pnas_apps.steps.reckoned_steps import PAGE_BYTES, Learner, table_step, train_step
from pnas_apps.steps.reference_nets import range_line
from pnas_apps.steps.trials import (
    known_limits,
    needless_latency,
    target_doubt,
    tried_search,
    tried_target,
    tried_trainings,
)
from pnas_apps.steps.weights_judge import batches_by_weights
from pnas_latency import feasible_nets
from pnas_ops import Architecture, counted
from pnas_supernet import ProxylessNAS, SuperNet

_TRIED = 3
"""Nets whose mean stands for all that will be judged, which are of many sizes."""


def dry_run(run: Run, settings: ExplorationSettings, resources: Resources) -> Reckoned:
    """What the steps of an exploration would do and take.

    Random nets within the limits take some steps of their training, or are judged where that takes moments; a supernet
    takes some steps, and a net is measured where latencies are requested.

    Raises:
        UserError, PnasError: for anything that the user can fix.
    """
    began = time.perf_counter()
    exploration = known_exploration(run, settings, resources)
    known, names = look_at_study(exploration.place, exploration.fingerprint), steps_of(run, settings)
    targets = [tried_target(run, resources.choice)] if "table" in names else []
    nets = _some_nets(exploration)
    steps = [table_step(targets)] if targets else []
    passes, trial = _passes(exploration), None
    rooms = {group: _room(exploration, known, group) for group in get_args(Group)}
    if any(room.is_left for room in rooms.values()):
        asking = _asking(exploration) if settings.strategy in SUPERNET_STRATEGIES else None
        with _threads_of_each(resources.workers):
            judging = _judging(exploration, nets, passes)
        trial = judging.trial if resources.workers == 1 else None
        searched = rooms["searched"].nets_left(passes, asking=0.0 if asking is None else asking.passes)
        left = searched + rooms["random"].nets_left(passes)
        steps.append(
            _explore_step(
                exploration, known, judging, asking if searched else None, left=left, workers=resources.workers
            )
        )
    else:
        steps.append(ReckonedStep(name="explore", what="is done", seconds=0.0))
    if "train" in names and _trains_here(run, known):
        training = trial or _trained(run, nets)
        steps.append(train_step([Learner(run=run, training=training)]))
    told = passes if settings.judge == "scratch" else None
    return Reckoned(
        steps=tuple(steps),
        on_gpu=run.device.type == "cuda",
        measured_s=time.perf_counter() - began,
        notes=(
            effort_line(settings, told, exploration.images).strip(),
            range_line(run.task.space),
        ),
        doubts=(
            *filter(None, map(target_doubt, targets)),
            *(line for target in targets for line in needless_latency(target.run, target.table)),
        ),
    )


@frozen(kw_only=True)
class _Judging:
    """What a worker takes for a net."""

    seconds: float
    passes: float = 0.0
    trial: TrainingTrial | None = None


@frozen(kw_only=True)
class _Asking:
    """What a strategy takes before its first net."""

    what: str
    seconds: float
    passes: float
    trial: SearchTrial


@frozen(kw_only=True)
class _Room:
    """What a group may still judge.

    Attributes:
        nets: how many.
        effort: passes over the training images, in all.
    """

    nets: int
    effort: float

    @property
    def is_left(self) -> bool:
        return self.nets > 0 and self.effort > 0

    def nets_left(self, passes: float, *, asking: float = 0.0) -> int:
        """The nets that are yet to be judged, each by so many passes, of which the first takes more to ask for."""
        spent, left = 0.0, 0
        while left < self.nets and spent < self.effort:
            spent += passes + (0.0 if left else asking)
            left += 1
        return left


def _some_nets(exploration: Exploration) -> list[Architecture]:
    run = exploration.run
    limits = exploration.limits if exploration.table.entries else known_limits(run, None)
    drawn = feasible_nets(run.task.space, limits).sample_several(_TRIED, run.generator("likely net"))
    return [run.task.space.architecture(choices) for choices in drawn]


def _trained(run: Run, nets: Sequence[Architecture]) -> TrainingTrial:
    """How the training of these nets goes, in the mean."""
    trials = tried_trainings([(run, net) for net in nets])
    return TrainingTrial(
        step_s=fmean(trial.step_s for trial in trials),
        memory_bytes=max(trial.memory_bytes for trial in trials),
        state_bytes=max(trial.state_bytes for trial in trials),
    )


def _passes(exploration: Exploration) -> float:
    """Over the training images, that a net takes to be judged."""
    run, settings = exploration.run, exploration.settings
    match settings.judge:
        case "scratch":
            return ScratchJudge(run=run, epochs=settings.judge_epochs, folder=folder_of(run, 1)).passes
        case "inherited":
            assert settings.weights is not None
            batches = batches_by_weights(as_searched(run, settings.weights))
            return batches * run.preset.batch_size / FORWARD / len(run.task.train)
        case _:
            return 0.0


def _judging(exploration: Exploration, nets: Sequence[Architecture], passes: float) -> _Judging:
    run = exploration.run
    if not passes:
        return _Judging(seconds=_judged_s(exploration, nets))
    trial = _trained(run, nets)
    steps = passes * len(run.task.train) / run.preset.batch_size
    return _Judging(seconds=steps * trial.step_s, passes=passes, trial=trial)


def _judged_s(exploration: Exploration, nets: Sequence[Architecture]) -> float:
    """Seconds that the last of some nets is judged in: the first one is slower than those that come later."""
    judge = exploration.judge(folder_of(exploration.run, 1) / "net")
    for net in nets:
        began = time.perf_counter()
        judge.judge(net, exploration.run.generator("judge"))
    return time.perf_counter() - began


def _asking(exploration: Exploration) -> _Asking | None:
    """What the search takes that a strategy begins with; None where it is over."""
    run, name = exploration.run, exploration.settings.strategy
    limits = exploration.limits if exploration.table.entries else known_limits(run, None)
    strategy = supernet_strategy(name, run, limits)
    search, steps = strategy.search, len(strategy.train(0))
    config, done = search.config, len(search.history)

    def to_be_tried(supernet: SuperNet) -> ProxylessNAS:
        return strategy_search(run, supernet, limits, to_try(config), steps=steps)

    trial, epochs = tried_search(run, to_be_tried), config.warmup_epochs + config.epochs
    judged = min(judged_by_strategy(name, run.preset), run.task.space.size())
    by_weights_s = judged * batches_by_weights(run) * trial.pace.weights_s / FORWARD
    what = f"a supernet for {counted(epochs, 'epoch')} of {counted(steps, 'step')}"
    if done:
        what += f", {done} of them done"
    return _Asking(
        what=f"{what}, up to {counted(judged, 'net')} judged with its weights" if judged else what,
        seconds=trial.pace.search_s(config, steps, done=done) + by_weights_s,
        passes=strategy.passes if search.epochs_left else 0.0,
        trial=trial,
    )


def _explore_step(
    exploration: Exploration, known: KnownStudy, judging: _Judging, asking: _Asking | None, *, left: int, workers: int
) -> ReckonedStep:
    run, settings = exploration.run, exploration.settings
    done = sum(entry.judgement is not None for entry in known.entries)
    what = f"{counted(left, 'net')} judged by {settings.judge}" + (f", {done} done already" if done else "")
    seconds = judging.seconds * math.ceil(left / _at_once(run, workers))
    memories = [] if judging.trial is None else [workers * judging.trial.memory_bytes]
    disk = PAGE_BYTES + (0.0 if judging.trial is None else workers * judging.trial.state_bytes)
    if asking is not None:
        what, seconds = f"{asking.what}; then {what}", seconds + asking.seconds
        memories, disk = [*memories, asking.trial.memory_bytes], disk + asking.trial.state_bytes
    return ReckonedStep(
        name="explore",
        what=what + (f", by {workers} workers" if workers > 1 else ""),
        seconds=seconds,
        memory_bytes=max(memories, default=None),
        disk_bytes=disk,
    )


def _room(exploration: Exploration, known: KnownStudy, group: Group) -> _Room:
    settings, judged = exploration.settings, [one for one in known.entries if one.group == group and one.judgement]
    at_most = settings.nets if group == "searched" else settings.random_nets
    effort = math.inf if settings.effort is None else settings.effort
    return _Room(
        nets=min(at_most, exploration.run.task.space.size()) - len(judged),
        effort=effort - sum(one.epochs for one in judged),
    )


def _trains_here(run: Run, known: KnownStudy) -> bool:
    """Whether the study is begun by this run, which then trains the best net."""
    name = known_explorer_name(run.folder)
    return known.begun_by is None or (name is not None and known.begun_by == worker_name(name, 1))


def _at_once(run: Run, workers: int) -> int:
    """Nets that are judged in the time of one: several on the same GPU take as long as one after another."""
    return min(workers, torch.cuda.device_count()) if run.device.type == "cuda" else workers


@contextmanager
def _threads_of_each(workers: int) -> Iterator[None]:
    """Inside the `with` block this process has the threads that each of the workers would have."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads // workers))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
