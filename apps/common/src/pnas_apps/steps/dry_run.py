"""What a run would do and take, from a few steps of each kind: nothing of it is left."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from functools import partial

import torch
from attrs import evolve

from pnas_apps.devices.cached_tables import Lacking, lacking
from pnas_apps.devices.target import target_device
from pnas_apps.run.reckoned import Reckoned
from pnas_apps.run.run import Run
from pnas_apps.run.sweep_aims import SweepAim, least_of_each_device
from pnas_apps.run.sweep_folder import of_aim, of_device
from pnas_apps.steps.budget_doubt import budget_doubt
from pnas_apps.steps.device_trial import try_device
from pnas_apps.steps.learning_trial import SearchTrial, TrainingTrial, to_try, try_search, try_training
from pnas_apps.steps.net_training import fresh_network
from pnas_apps.steps.objective import make_arch_step
from pnas_apps.steps.pipeline import STEPS, StepName
from pnas_apps.steps.reckoned_steps import (
    Goal,
    Target,
    compare_step,
    export_step,
    report_step,
    search_step,
    table_step,
    train_step,
)
from pnas_apps.steps.reference_nets import biggest, fastest, lightest
from pnas_apps.steps.search_images import split_search_images
from pnas_apps.steps.table import TableChoice, known_table
from pnas_apps.training.training import Training
from pnas_latency import LatencyTable, NearCost, TableEntry, feasible_nets
from pnas_ops import (
    Architecture,
    DeviceInfo,
    Measurement,
    PnasError,
    Space,
    load_json,
    workloads,
)
from pnas_supernet import ProxylessNAS, SuperNet

SEARCH_S, TRAININGS_S = 12.0, 12.0
"""Of trying, in all."""
_NOWHERE = DeviceInfo(device="", runtime="", runtime_version="", threads=1, dtype="float32")


def dry_run(run: Run, choice: TableChoice, *, until: StepName = "report", aims: tuple[SweepAim, ...] = ()) -> Reckoned:
    """What the steps of a run, or of a sweep, would do and take.

    A net of its space is measured on its device, whose conversions stay in the cache; its supernet takes some steps,
    and so do nets like the one that is sought.

    Args:
        run: which may have been begun.
        choice: of the latency table.
        until: the last step.
        aims: of a sweep; none of a run for one aim.

    Raises:
        UserError, PnasError: for anything that the user can mend.
    """
    began = time.perf_counter()
    targets = [_target(one, choice) for one in _of_devices(run, aims)]
    doubts = [*filter(None, map(_doubt, targets))]
    goals = [*_goals(run, aims, targets)]
    search = _search_trial(run, targets[0])
    steps = {
        "table": table_step(targets),
        "search": search_step(run, goals, search),
        "train": train_step(goals),
        "compare": compare_step(goals),
        "export": export_step(goals),
        "report": report_step(goals),
    }
    names = [*STEPS]
    return Reckoned(
        steps=tuple(steps[name] for name in names[: names.index(until) + 1]),
        on_gpu=run.device.type == "cuda",
        measured_s=time.perf_counter() - began,
        doubts=tuple(doubts),
    )


def _of_devices(run: Run, aims: tuple[SweepAim, ...]) -> Sequence[Run]:
    """The run as far as each of its devices is concerned."""
    if not aims:
        return [run]
    return [run.aimed(aim, of_device(run.folder, aims, aim.device)) for aim in least_of_each_device(aims)]


def _target(run: Run, choice: TableChoice) -> Target:
    device, space = target_device(run.target, cache=run.cache, log=None), run.task.space
    table = known_table(space, device.info, run.folder, run.cache, choice)
    left = Lacking(blocks=(), nets=()) if table is not None else lacking(device.info, space, run.cache)
    with run.reporter.phases() as progress:
        trial = try_device(device, _likely_net(run, table), name=run.target.name, progress=progress)
    return Target(run=run, device=device, table=table, lacking=left, trial=trial)


def _doubt(target: Target) -> str | None:
    if target.table is not None:
        return None
    run = target.run
    return budget_doubt(
        target.device,
        lightest(run.task.space),
        asked_ms=run.budget.latency_ms,
        likely_ms=target.trial.net_ms,
        reporter=run.reporter,
    )


def _goals(run: Run, aims: tuple[SweepAim, ...], targets: Sequence[Target]) -> Iterator[Goal]:
    runs = [run.aimed(aim, of_aim(run.folder, aims, aim)) for aim in aims] or [run]
    space, known = run.task.space, {target.run.target: target for target in targets}
    ends = [biggest(space), fastest(space, targets[0].table or _stand_in(space, targets[0].device.info))]
    compared = ends if run.preset.compare.nets else []
    seconds = TRAININGS_S / (len(runs) + len(compared))
    with run.reporter.shares("trying trainings") as tell:
        count = len(runs) + len(compared)
        tells = [partial(_tell_part, tell, index, count) for index in range(count)]
        tried = [_training_trial(run, net, seconds, part) for net, part in zip(compared, tells, strict=False)]
        for one, part in zip(runs, tells[len(compared) :], strict=True):
            net = _likely_net(one, known[one.target].table)
            training = _training_trial(one, net, seconds, part)
            yield Goal(run=one, target=known[one.target], net=net, training=training, ends=tuple(tried))


def _search_trial(run: Run, target: Target) -> SearchTrial:
    space, preset = run.task.space, run.preset
    table = target.table or _stand_in(space, target.device.info)
    budget = evolve(target.run.budget, columns={})
    metric = table.metric()
    arch_step = make_arch_step(space, table, preset.search, preset.objective, budget, metric.of, steps=1)
    weights, alpha = split_search_images(run.task.train, preset, run.generator)
    with run.reporter.shares("trying the search") as tell:
        supernet = SuperNet(space, generator=run.generator("pace"))
        supernet.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        search = ProxylessNAS(supernet, to_try(preset.search), arch_step=arch_step, generator=run.generator("pace"))
        for_weights, for_alpha = (run.training_batches(one, "pace") for one in (weights, alpha))
        return try_search(search, for_weights, for_alpha, run.device, seconds=SEARCH_S, tell=tell)


def _tell_part(tell: Callable[[float], None], index: int, count: int, share: float) -> None:
    """Tells the share of all parts that is done by that of one."""
    tell((index + min(1.0, share)) / count)


def _training_trial(run: Run, net: Architecture, seconds: float, tell: Callable[[float], None]) -> TrainingTrial:
    sized = run.sized_for(net)
    training = Training(fresh_network(run, net), run.preset.train, classes=len(run.task.train.classes))
    batches = sized.training_batches(sized.task.train, "pace")
    return try_training(training, batches, run.device, seconds=seconds, tell=tell)


def _likely_net(run: Run, table: LatencyTable | None) -> Architecture:
    """The net that the run has found, or one that it may find: as slow as it may be, as far as that is known."""
    space, generator = run.task.space, run.generator("likely net")
    with suppress(OSError, PnasError):
        return load_json(run.folder.architecture, Architecture)
    near = None
    if table is not None and run.budget.latency_ms is not None:
        near = NearCost(space, table.metric(), run.budget.latency_ms, tolerance=0.1).draw(generator)
    if near is None:
        budget = evolve(run.budget, columns={}, latency_ms=None)
        limits = budget.counts(table or _stand_in(space, _NOWHERE))
        choices = feasible_nets(space, limits).sample(generator, taken=frozenset())
        assert choices is not None
        near = space.architecture(choices)
    assert isinstance(near, Architecture)
    return near


def _stand_in(space: Space, info: DeviceInfo) -> LatencyTable:
    """A table in which all blocks are alike, for want of one that was measured."""
    alike = Measurement(latency_ms=1.0, p25_ms=1.0, median_ms=1.0, p75_ms=1.0, count=1)
    blocks = dict.fromkeys(block for row in workloads(space) for block in row if not block.computes_nothing)
    entries = tuple(TableEntry(workload=block, measurement=alike) for block in blocks)
    return LatencyTable(device=info, measured_on=date.today().isoformat(), entries=entries)
