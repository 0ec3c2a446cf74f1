"""How the search of a run lands within its limits."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from attrs import evolve
from torch import nn

from pnas_apps.ground.processes import Shared
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.folder import SEARCHED, KeptRun
from pnas_apps.run.run import Run
from pnas_apps.steps.choice_by_weights import ChoiceByWeights, random_nets
from pnas_apps.steps.objective import Cost
from pnas_apps.steps.rewards import measured_ms
from pnas_apps.steps.table import Tabled
from pnas_latency import Attempt, Budget, Landing, LatencyTable, land_on_budget
from pnas_ops import AnyNet, AnySpace, Choices, FormatError, load_json
from pnas_supernet import SuperNet, mixed_ops


def land_run(run: Run, tabled: Tabled, supernet: SuperNet) -> Landing:
    """The landing of a run, for which nets are measured where the table's device is here; see `land`.

    All processes judge nets by the supernet's weights, if any are to be judged; the first does everything else.
    """
    table, device, preset = tabled.table, tabled.device, run.preset
    nets = random_nets(run, supernet)

    def landed(shared: Shared[Choices, float]) -> Landing:
        choose = ChoiceByWeights(nets=nets, shared=shared, one_shot=preset.search.gate == "one-shot")
        return land(
            supernet,
            run.task.space,
            table,
            run.budget,
            measured_ms(device, table) if table.device == device.info else None,
            folder=run.folder,
            reporter=run.reporter,
            choose=choose if preset.judged_nets else None,
        )

    return run.processes.first_sharing(landed, nets.value)


def land(
    supernet: nn.Module,
    space: AnySpace,
    table: LatencyTable,
    budget: Budget,
    measure: Cost | None,
    *,
    folder: KeptRun[Any],
    reporter: Reporter,
    choose: ChoiceByWeights | None = None,
) -> Landing:
    """The landing of an interrupted run, or a new one.

    Where a landing is damaged, and the net is known that it led to, this is the net of the new one, too.

    Args:
        supernet: at the end of its search.
        space: of its nets.
        table: predicts them.
        budget: what is requested.
        measure: the latency of a net in milliseconds, where it can be measured.
        folder: of the run.
        reporter: shows progress.
        choose: takes a net within limits; the most probable one if None.

    Raises:
        InfeasibleBudgetError: for limits that no net keeps.
    """
    kept = partial(folder.files.kept, tell=reporter.warn)
    landing = kept(folder.landing, lambda path: _read_landing(path, space, budget))
    if landing is not None:
        return landing
    told = None if measure is None else _with_progress(measure, reporter)
    known = kept(folder.architecture, lambda path: _read_net(path, space)) if folder.landing.exists() else None
    if known is not None:
        measured = None if told is None or budget.latency_ms is None else told(known)
        attempt = Attempt(architecture=known, predicted_ms=table.predict_ms(known), measured_ms=measured)
        # How it was chosen is not known: by judged nets, if any were asked for.
        landing = Landing(target_ms=budget.latency_ms, attempts=(attempt,), chosen=0, by_probs=choose is None)
    else:
        probs = space.of_choices([op.probs.detach().to("cpu", torch.float64) for op in mixed_ops(supernet)])
        with reporter.warnings_as_lines():
            chosen = None if choose is None else partial(choose, probs)
            landing = land_on_budget(probs, space, table, budget, told, name=SEARCHED, choose=chosen)
        landing = evolve(landing, by_probs=choose is None or choose.by_probs)
    folder.files.save(landing, folder.landing)
    return landing


def _with_progress(measure: Cost, reporter: Reporter) -> Callable[[AnyNet], float]:
    """`measure` with a bar, beside which the milliseconds are shown."""

    def measured(net: AnyNet) -> float:
        with reporter.bar("measuring the net", 1) as advance:
            found = measure(net)
            advance(text=f"{found:.4f} ms")
        return found

    return measured


def _read_landing(path: Path, space: AnySpace, budget: Budget) -> Landing:
    landing = load_json(path, Landing)
    if landing.target_ms != budget.latency_ms or not space.has(landing.result.architecture):
        raise FormatError(f"{path} is of another run")
    return landing


def _read_net(path: Path, space: AnySpace) -> AnyNet:
    net = load_json(path, type(space.architecture([0] * len(space.options))))
    if not space.has(net):
        raise FormatError(f"{path} is a net of another space")
    return net
