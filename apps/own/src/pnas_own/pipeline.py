"""All steps of a run. What is in its folder already is not done again: each step sees to that itself."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

from pnas_apps.run.folder import LOCK_NAME
from pnas_apps.steps.pipeline import announced
from pnas_apps.steps.table import TableChoice
from pnas_own.judging import judge
from pnas_own.reporting import report
from pnas_own.run import OwnRun
from pnas_own.searching import find_table, let_imitate, search
from pnas_own.shipping import export, train
from pnas_supernet import tuned

Made = TypeVar("Made")

STEPS = ("table", "imitate", "search", "train", "export", "report")
_LEARNING = ("imitate", "search", "train")


def go_all_the_way(run: OwnRun, choice: TableChoice) -> None:
    """Goes through the steps, and says where everything is.

    Raises:
        UserError, PnasError: for anything that the user can fix.
    """
    reporter, device = run.session.reporter, run.session.processes.device

    def step(name: str, work: Callable[[], Made]) -> Made:
        learns = tuned(device, deterministic=run.session.deterministic) if name in _LEARNING else nullcontext()
        with announced(name, STEPS, run.folder, reporter), learns:
            return work()

    tabled = step("table", lambda: find_table(run, choice))
    as_given = judge(run.network, run.data, run.given.score).score
    step("imitate", lambda: let_imitate(run))
    found = step("search", lambda: search(run, tabled))
    trained = step("train", lambda: train(run, found.net))
    bundle = step("export", lambda: export(run, tabled, trained))
    step("report", lambda: report(run, tabled, as_given, found, trained, bundle))
    names = ", ".join(sorted(path.name for path in run.folder.path.iterdir() if path.name != LOCK_NAME))
    reporter.line(f"Everything is in {run.folder.path}: {names}")
    reporter.line(f"The files that ship, proven, are in {bundle.path}: its README.md says how to use them")
