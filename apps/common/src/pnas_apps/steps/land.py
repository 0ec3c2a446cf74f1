"""How the search of a run comes down on its budget."""

from collections.abc import Callable

import torch

from pnas_apps.run.folder import SEARCHED
from pnas_apps.run.run import Run
from pnas_apps.steps.rewards import measured_ms
from pnas_apps.steps.table import Tabled
from pnas_latency import Landing, land_on_budget
from pnas_ops import Architecture, load_json, save_json
from pnas_supernet import SuperNet, mixed_ops


def land_run(run: Run, tabled: Tabled, supernet: SuperNet) -> Landing:
    """The landing of an interrupted run, or a new one, for which nets are measured where the table's device is here.

    Raises:
        InfeasibleBudgetError: for a budget that no net is within.
    """
    if run.folder.landing.exists():
        return load_json(run.folder.landing, Landing)
    measure: Callable[[Architecture], float] | None = None
    if tabled.table.device == tabled.device.info:
        measure_one = measured_ms(tabled.device)

        def measure(architecture: Architecture) -> float:
            with run.reporter.bar("measuring the net", 1) as advance:
                found = measure_one(architecture)
                advance(text=f"{found:.4f} ms")
            return found

    probs = [op.probs.detach().to("cpu", torch.float64) for op in mixed_ops(supernet)]
    landing = land_on_budget(probs, run.task.space, tabled.table, run.budget, measure, name=SEARCHED)
    save_json(landing, run.folder.landing)
    return landing
