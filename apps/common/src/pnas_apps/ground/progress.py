"""Progress bars on the terminal."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")


@contextmanager
def reporter_on_stdout() -> Iterator["Reporter"]:
    """A reporter with a descriptor of its own: a converter's noise is kept from stdout, and its progress is not."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as file:
        # Without markup: a path, a command or "pip install 'a[b]'" is printed as it is.
        yield Reporter(Console(file=file, markup=False, emoji=False))


class Reporter:
    """Where a program tells what it does."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def bar(self, what: str, total: int) -> Iterator[Callable[..., None]]:
        """A bar that is advanced by calling what the `with` statement gives; `text=` changes the remark beside it."""
        with self._progress() as progress:
            task = progress.add_task(what, total=total, text="")

            def advance(steps: int = 1, *, text: str | None = None) -> None:
                progress.advance(task, steps)
                if text is not None:
                    progress.update(task, text=text)
                    if text and not self.console.is_terminal:
                        # A bar is drawn only on a terminal; a log file gets lines.
                        self.console.print(f"  {what}: {text}")

            yield advance

    @contextmanager
    def phases(self) -> Iterator[Callable[[str, int, int], None]]:
        """Bars for work that names its own phases, as `pnas_ops.Progress` does."""
        with self._progress() as progress:
            tasks = {}

            def update(phase: str, done: int, total: int) -> None:
                if phase not in tasks:
                    tasks[phase] = progress.add_task(phase, total=total, text="")
                progress.update(tasks[phase], completed=done, total=total)

            yield update

    def counted(self, what: str, items: Iterable[Item], total: int) -> Iterator[Item]:
        """The items, of which there are `total`, with a bar for how many of them have been taken."""
        with self.bar(what, total) as advance:
            for item in items:
                yield item
                advance()

    @contextmanager
    def warnings_as_lines(self) -> Iterator[None]:
        """Inside the `with` block warnings become lines of the program."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        for warning in caught:
            self.console.print(f"  warning: {warning.message}", style="yellow")

    def track(self, paths: Iterable[Path], total: int) -> Iterator[Path]:
        """The paths, with a bar for how many of them have been read."""
        return self.counted("reading images", paths, total)

    def _progress(self) -> Progress:
        columns = [
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=12),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[text]}", markup=False),
        ]
        return Progress(*columns, console=self.console, transient=False)
