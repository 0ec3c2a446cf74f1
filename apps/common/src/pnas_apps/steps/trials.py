"""The devices, searches and trainings of a run, tried for some seconds to see how long they take."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from functools import partial

import torch
from attrs import evolve

from pnas_apps.devices.cached_tables import Lacking, lacking
from pnas_apps.devices.target import target_device
from pnas_apps.run.run import Run
from pnas_apps.steps.budget_doubt import budget_doubt
from pnas_apps.steps.device_trial import try_device
from pnas_apps.steps.learning_trial import SearchTrial, TrainingTrial, try_search, try_training
from pnas_apps.steps.needless_limits import needless_by_table
from pnas_apps.steps.net_training import fresh_network
from pnas_apps.steps.reckoned_steps import Target
from pnas_apps.steps.reference_nets import lightest
from pnas_apps.steps.search_images import split_search_images
from pnas_apps.steps.table import TableChoice, known_table
from pnas_apps.training.training import Training
from pnas_latency import LatencyTable, Limit, NearCost, TableEntry, feasible_nets
from pnas_ops import Architecture, DeviceInfo, Measurement, PnasError, Space, load_json, workloads
from pnas_supernet import ProxylessNAS, SuperNet

SEARCH_S, TRAININGS_S = 12.0, 12.0
"""Of trying, in all."""
_NOWHERE = DeviceInfo(device="", runtime="", runtime_version="", threads=1, dtype="float32")


def tried_target(run: Run, choice: TableChoice) -> Target:
    """The run's device, on which a net of its space is measured."""
    device, space = target_device(run.target, cache=run.cache, log=None), run.task.space
    table = known_table(space, device.info, run.folder, run.cache, choice)
    left = Lacking(blocks=(), nets=()) if table is not None else lacking(device.info, space, run.cache)
    with run.reporter.phases() as progress:
        trial = try_device(device, likely_net(run, table), name=run.target.name, progress=progress)
    return Target(run=run, device=device, table=table, lacking=left, trial=trial)


def target_doubt(target: Target) -> str | None:
    """What a run may yet be refused for, whose table is not known."""
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


def needless_latency(run: Run, table: LatencyTable | None) -> Iterator[str]:
    """A line where every net of the run's space keeps a limit that its table tells."""
    return iter(()) if table is None else needless_by_table(run.task.space, table, run.budget)


def tried_search(run: Run, make_search: Callable[[SuperNet], ProxylessNAS]) -> SearchTrial:
    """A search on the run's images, from scratch.

    Args:
        run: with its images and its space.
        make_search: of a supernet, with a configuration that `to_try` made.
    """
    weights, alpha = split_search_images(run.task.train, run.preset, run.generator)
    with run.reporter.shares("trying the search") as tell:
        supernet = SuperNet(run.task.space, generator=run.generator("pace"))
        supernet.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for_weights, for_alpha = (run.training_batches(one, "pace") for one in (weights, alpha))
        return try_search(make_search(supernet), for_weights, for_alpha, run.device, seconds=SEARCH_S, tell=tell)


def tried_trainings(nets: Sequence[tuple[Run, Architecture]]) -> list[TrainingTrial]:
    """Each net as its run trains it, for as long as the others."""
    (run, _), *_ = nets
    with run.reporter.shares("trying trainings") as tell:
        parts = [partial(_tell_part, tell, index, len(nets)) for index in range(len(nets))]
        seconds = TRAININGS_S / len(nets)
        return [_training_trial(of, net, seconds, part) for (of, net), part in zip(nets, parts, strict=True)]


def likely_net(run: Run, table: LatencyTable | None) -> Architecture:
    """The net that the run has found, or one that it may find: as slow as it may be, as far as that is known."""
    space, generator = run.task.space, run.generator("likely net")
    with suppress(OSError, PnasError):
        return load_json(run.folder.architecture, Architecture)
    near = None
    if table is not None and run.budget.latency_ms is not None:
        near = NearCost(space, table.metric(), run.budget.latency_ms, tolerance=0.1).draw(generator)
    if near is None:
        choices = feasible_nets(space, known_limits(run, table)).sample(generator, taken=frozenset())
        assert choices is not None
        near = space.architecture(choices)
    assert isinstance(near, Architecture)
    return near


def known_limits(run: Run, table: LatencyTable | None) -> Sequence[Limit]:
    """Those of a run's limits that need no table of its device, as none may be known."""
    budget = evolve(run.budget, columns={}, latency_ms=None)
    return budget.counts(table or stand_in(run.task.space, _NOWHERE))


def stand_in(space: Space, info: DeviceInfo) -> LatencyTable:
    """A table in which all blocks are alike, for want of one that was measured."""
    alike = Measurement(latency_ms=1.0, p25_ms=1.0, median_ms=1.0, p75_ms=1.0, count=1)
    blocks = dict.fromkeys(block for row in workloads(space) for block in row if not block.computes_nothing)
    entries = tuple(TableEntry(workload=block, measurement=alike) for block in blocks)
    return LatencyTable(device=info, measured_on=date.today().isoformat(), entries=entries)


def _tell_part(tell: Callable[[float], None], index: int, count: int, share: float) -> None:
    """Tells the share of all parts that is done by that of one."""
    tell((index + min(1.0, share)) / count)


def _training_trial(run: Run, net: Architecture, seconds: float, tell: Callable[[float], None]) -> TrainingTrial:
    sized = run.sized_for(net)
    training = Training(fresh_network(run, net), run.preset.train, classes=len(run.task.train.classes))
    batches = sized.training_batches(sized.task.train, "pace")
    return try_training(training, batches, run.device, seconds=seconds, tell=tell)
