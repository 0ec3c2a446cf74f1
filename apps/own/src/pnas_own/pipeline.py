"""The whole road of a run. What is in its folder already is not done again: each step sees to that itself."""

from collections.abc import Callable
from typing import TypeVar

from pnas_apps.run.folder import LOCK_NAME
from pnas_apps.steps.pipeline import announced
from pnas_apps.steps.table import TableChoice
from pnas_own.judging import judged
from pnas_own.reporting import report
from pnas_own.run import OwnRun
from pnas_own.searching import find_table, let_imitate, search
from pnas_own.shipping import export, train

Made = TypeVar("Made")

STEPS = ("table", "imitate", "search", "train", "export", "report")


def go_all_the_way(run: OwnRun, choice: TableChoice) -> None:
    """Goes through the steps, and says where everything is.

    Raises:
        UserError, PnasError: for anything that the user can mend.
    """
    reporter = run.session.reporter

    def step(name: str, work: Callable[[], Made]) -> Made:
        with announced(name, STEPS, run.folder, reporter):
            return work()

    tabled = step("table", lambda: find_table(run, choice))
    as_given = judged(run.network, run.data, run.given.score)
    step("imitate", lambda: let_imitate(run))
    found = step("search", lambda: search(run, tabled))
    trained = step("train", lambda: train(run, found))
    step("export", lambda: export(run, tabled, trained))
    step("report", lambda: report(run, tabled, as_given, found, trained))
    names = ", ".join(sorted(path.name for path in run.folder.path.iterdir() if path.name != LOCK_NAME))
    reporter.line(f"Everything is in {run.folder.path}: {names}")
