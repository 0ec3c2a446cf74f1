"""How the search of a run comes down on its budget."""

from collections.abc import Callable
from pathlib import Path

import torch

from pnas_apps.run.folder import SEARCHED
from pnas_apps.run.run import Run
from pnas_apps.steps.rewards import measured_ms
from pnas_apps.steps.table import Tabled
from pnas_latency import Attempt, Landing, land_on_budget
from pnas_ops import Architecture, FormatError, load_json
from pnas_supernet import SuperNet, mixed_ops


def land_run(run: Run, tabled: Tabled, supernet: SuperNet) -> Landing:
    """The landing of an interrupted run, or a new one, for which nets are measured where the table's device is here.

    Where a landing is damaged, and the net is known that it led to, this is the net of the new one, too.

    Raises:
        InfeasibleBudgetError: for a budget that no net is within.
    """
    landing = run.kept(run.folder.landing, lambda path: _read_landing(run, path))
    if landing is not None:
        return landing
    measure: Callable[[Architecture], float] | None = None
    if tabled.table.device == tabled.device.info:
        measure_one = measured_ms(tabled.device)

        def measure(architecture: Architecture) -> float:
            with run.reporter.bar("measuring the net", 1) as advance:
                found = measure_one(architecture)
                advance(text=f"{found:.4f} ms")
            return found

    known = (
        run.kept(run.folder.architecture, lambda path: _read_net(run, path)) if run.folder.landing.exists() else None
    )
    if known is not None:
        measured = None if measure is None or run.budget.latency_ms is None else measure(known)
        attempt = Attempt(architecture=known, predicted_ms=tabled.table.predict_ms(known), measured_ms=measured)
        landing = Landing(target_ms=run.budget.latency_ms, attempts=(attempt,), chosen=0)
    else:
        probs = [op.probs.detach().to("cpu", torch.float64) for op in mixed_ops(supernet)]
        landing = land_on_budget(probs, run.task.space, tabled.table, run.budget, measure, name=SEARCHED)
    run.folder.files.save(landing, run.folder.landing)
    return landing


def _read_landing(run: Run, path: Path) -> Landing:
    landing = load_json(path, Landing)
    if landing.target_ms != run.budget.latency_ms or not run.task.space.has(landing.result.architecture):
        raise FormatError(f"{path} is of another run")
    return landing


def _read_net(run: Run, path: Path) -> Architecture:
    net = load_json(path, Architecture)
    if not run.task.space.has(net):
        raise FormatError(f"{path} is a net of another space")
    return net
