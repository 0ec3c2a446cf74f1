"""All steps of a run. What is in its folder already is not done again: each step sees to that itself."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol

from rich.console import Console

from pnas_apps.devices.target import bundle_formats
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.folder import KeptRun
from pnas_apps.run.run import Run
from pnas_apps.run.task import Task
from pnas_apps.steps.compare import compare
from pnas_apps.steps.export import check_calibration, export
from pnas_apps.steps.report import report
from pnas_apps.steps.search import search
from pnas_apps.steps.table import TableChoice, find_table
from pnas_apps.steps.train import train
from pnas_latency import Device

StepName = Literal["table", "search", "train", "compare", "export", "report"]

# Each step takes what the one before it made, which a test holds: the types of a loop cannot say it.
STEPS: dict[StepName, Callable[[Run, Any], "Made"]] = {
    "table": find_table,
    "search": search,
    "train": train,
    "compare": compare,
    "export": export,
    "report": report,
}
DONE_BY_ONE: tuple[StepName, ...] = ("export", "report")
"""Steps that several processes leave to the first of them."""


class Made(Protocol):
    """What a step made."""

    def show(self, console: Console) -> None:
        """Prints it."""


def check_export_images(task: Task, device: Device, *, until: StepName) -> None:
    """Raises a UserError where the way to a step leads through an export, for which there are too few images."""
    if until in DONE_BY_ONE:
        check_calibration(task.name, len(task.train), bundle_formats(device))


def run_pipeline(run: Run, choice: TableChoice, *, until: StepName = "report") -> Made | None:
    """Goes through the steps.

    Args:
        run: what to work on.
        choice: of the latency table.
        until: the last step.

    Returns:
        What the last step made; None in a process that leaves it to another.

    Raises:
        UserError, PnasError: for anything that the user can fix.
    """
    before: Made | TableChoice = choice
    for name, step in STEPS.items():
        if name in DONE_BY_ONE:
            alone = run.alone()
            if alone is None:
                return None
            run = alone
        with announced(name, list(STEPS), run.folder, run.reporter, counts=run.processes.is_first):
            made = before = step(run, before)
        if name == until:
            return made
    raise AssertionError(until)


@contextmanager
def announced(
    name: str, steps: Sequence[str], folder: KeptRun[Any], reporter: Reporter, *, counts: bool = True
) -> Iterator[None]:
    """Says which step begins, and records how long it takes.

    Args:
        name: of the step.
        steps: all of them.
        folder: of the run.
        reporter: shows progress.
        counts: whether this process takes the time.
    """
    reporter.console.print(f"{steps.index(name) + 1}/{len(steps)} {name}", style="bold")
    start = time.perf_counter()
    try:
        yield
    finally:
        if counts:
            folder.add_seconds(name, time.perf_counter() - start)
