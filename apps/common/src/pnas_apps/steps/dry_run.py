"""What a run would do and take, from a few steps of each kind: nothing of it is left."""

import time
from collections.abc import Sequence

from attrs import evolve

from pnas_apps.run.reckoned import Reckoned
from pnas_apps.run.run import Run
from pnas_apps.run.sweep_aims import SweepAim, least_of_each_device
from pnas_apps.run.sweep_folder import of_aim, of_device
from pnas_apps.steps.learning_trial import SearchTrial, to_try
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
from pnas_apps.steps.reference_nets import biggest, fastest, range_line
from pnas_apps.steps.table import TableChoice
from pnas_apps.steps.trials import (
    likely_net,
    needless_latency,
    stand_in,
    target_doubt,
    tried_search,
    tried_target,
    tried_trainings,
)
from pnas_supernet import ProxylessNAS, SuperNet


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
        UserError, PnasError: for anything that the user can fix.
    """
    began = time.perf_counter()
    targets = [tried_target(one, choice) for one in _of_devices(run, aims)]
    doubts = [*filter(None, map(target_doubt, targets))]
    goals = _goals(run, aims, targets)
    doubts += [line for goal in goals for line in needless_latency(goal.run, goal.target.table)]
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
        notes=(range_line(run.task.space),),
        doubts=tuple(dict.fromkeys(doubts)),
    )


def _of_devices(run: Run, aims: tuple[SweepAim, ...]) -> Sequence[Run]:
    """The run as far as each of its devices is concerned."""
    if not aims:
        return [run]
    return [run.aimed(aim, of_device(run.folder, aims, aim.device)) for aim in least_of_each_device(aims)]


def _goals(run: Run, aims: tuple[SweepAim, ...], targets: Sequence[Target]) -> list[Goal]:
    runs = [run.aimed(aim, of_aim(run.folder, aims, aim)) for aim in aims] or [run]
    space, known = run.task.space, {target.run.target: target for target in targets}
    ends = [biggest(space), fastest(space, targets[0].table or stand_in(space, targets[0].device.info))]
    compared = [(run, net) for net in ends] if run.preset.compare.nets else []
    sought = [(one, likely_net(one, known[one.target].table)) for one in runs]
    tried = tried_trainings([*compared, *sought])
    of_ends, trainings = tuple(tried[: len(compared)]), tried[len(compared) :]
    return [
        Goal(run=one, target=known[one.target], net=net, training=training, ends=of_ends)
        for (one, net), training in zip(sought, trainings, strict=True)
    ]


def _search_trial(run: Run, target: Target) -> SearchTrial:
    space, preset = run.task.space, run.preset
    table = target.table or stand_in(space, target.device.info)
    budget = evolve(target.run.budget, columns={})
    arch_step = make_arch_step(space, table, preset.search, preset.objective, budget, table.metric().of, steps=1)

    def make_search(supernet: SuperNet) -> ProxylessNAS:
        return ProxylessNAS(supernet, to_try(preset.search), arch_step=arch_step, generator=run.generator("pace"))

    return tried_search(run, make_search)
