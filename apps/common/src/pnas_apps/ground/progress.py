"""Progress on the terminal, as bars; in a log file, as lines."""

import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

from attrs import frozen
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from pnas_apps.ground.console import SafeConsole
from pnas_apps.ground.terminal import printable

Item = TypeVar("Item")

SECONDS_BETWEEN_LINES = 30.0
"""A log file says at least so often that something is going on."""

MORE = "repeating noisy measurements"
"""The remark where work turns out to be more than was told: so far, only measuring does."""
_BEGINNING = 1
"""Steps done of a phase, at most, when it is told of for the first time."""
_PERCENT = 100
_BAR = 12
_BAR_COLUMNS = _BAR + 16
"""Of a spinner with a blank after it, and of a bar, its share and its time, with a blank before each."""


@contextmanager
def reporter_on_stdout() -> Iterator["Reporter"]:
    """A reporter with a descriptor of its own: a converter's noise is kept from stdout, and its progress is not."""
    file = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    try:
        reporter = Reporter(SafeConsole(file=file))
        try:
            yield reporter
        finally:
            reporter.close()
    finally:
        # What is left to write when the reader of a pipe has gone is for nobody.
        with suppress(BrokenPipeError):
            file.close()


class Reporter:
    """Shows on a console what a program does."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars = ExitStack()

    def close(self) -> None:
        """Ends the bars of loops that an error left, before the console's file is closed."""
        self._bars.close()

    def line(self, text: str) -> None:
        """Prints a line, however long."""
        self.console.print(text, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Prints a line, however long, that a user should not miss."""
        self.console.print(text, style="yellow", soft_wrap=True)

    @contextmanager
    def bar(self, what: str, total: int, unit: str | None = None) -> Iterator[Callable[..., None]]:
        """A bar that is advanced by calling what the `with` statement gives; `text=` changes the remark beside it.

        What is counted is told with its unit, such as "images", or in per cent where it has none.
        """
        with self.phases() as update:
            done = 0

            def advance(steps: int = 1, *, text: str | None = None) -> None:
                nonlocal done
                done += steps
                update(what, done, total, text=text, unit=unit)

            update(what, 0, total, unit=unit)
            yield advance

    @contextmanager
    def bar_of_parts(self, what: str, total: int, unit: str | None = None) -> Iterator["Reporter"]:
        """A reporter whose bars are parts of one: each adds to what is done, and its name stands beside its remark."""
        with self.bar(what, total, unit) as advance:
            yield _PartsReporter(self.console, advance)

    @contextmanager
    def phases(self) -> Iterator[Callable[..., None]]:
        """Bars for work that names its own phases, as `pnas_ops.Progress` does; `text=` is a remark beside one,
        `unit=` what it counts.

        A bar never goes back, and keeps the total that it began with: where work turns out to be more than was told,
        such as rounds that are measured again, its remark says so. A phase that is at its beginning once more has begun
        anew.
        """
        steady = _Steady()
        if not self.console.is_terminal:
            lines = _Lines(self.console, steady)
            yield lines.update
            lines.finish()
            return
        progress = _bars(self.console)
        # A loop that is left in its middle ends when Python collects it, which may be after the file was closed.
        self._bars.callback(progress.stop)
        tasks: dict[str, Any] = {}

        def update(phase: str, done: int, total: int, *, text: str | None = None, unit: str | None = None) -> None:
            shown, first, begins = steady.shown(phase, done, total)
            if begins:
                tasks[phase] = progress.add_task(printable(phase), total=first, text="")
            progress.update(tasks[phase], completed=shown, total=first)
            if text is None and total > first:
                text = MORE if done < total else ""
            if text is not None:
                progress.update(tasks[phase], text=printable(text))

        with progress:
            yield update

    @contextmanager
    def shares(self, what: str) -> Iterator[Callable[[float], None]]:
        """A bar for work that knows what share of it is done: that is what the `with` statement's function takes."""
        with self.phases() as update:
            update(what, 0, _PERCENT)
            yield lambda share: update(what, min(_PERCENT, round(_PERCENT * share)), _PERCENT)
            update(what, _PERCENT, _PERCENT)

    def counted(self, what: str, items: Iterable[Item], total: int, unit: str) -> Iterator[Item]:
        """The items, of which there are `total`, with a bar for how many of them have been taken."""
        with self.bar(what, total, unit) as advance:
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


class _PartsReporter(Reporter):
    """What `Reporter.bar_of_parts` gives."""

    def __init__(self, console: Console, advance: Callable[..., None]) -> None:
        super().__init__(console)
        self._advance = advance

    @contextmanager
    def bar(self, what: str, total: int, unit: str | None = None) -> Iterator[Callable[..., None]]:
        """Part of the one bar."""

        def advance(steps: int = 1, *, text: str | None = None) -> None:
            self._advance(steps, text=None if text is None else f"{what}: {text}")

        advance(0, text="begins")
        yield advance


class PhasesReporter(Reporter):
    """A reporter whose bars are phases of what is shown already, since nothing can be drawn twice at once.

    Args:
        console: that lines are printed on.
        update: of `Reporter.phases`.
    """

    def __init__(self, console: Console, update: Callable[..., None]) -> None:
        super().__init__(console)
        self._update = update

    @contextmanager
    def phases(self) -> Iterator[Callable[..., None]]:
        """The phases that are shown."""
        yield self._update


class _Steady:
    """Steady progress of phases whose totals grow."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[int, int]] = {}
        self._done: dict[str, int] = {}

    def shown(self, phase: str, done: int, total: int) -> tuple[int, int, bool]:
        """The shown number of steps done, their shown total, and whether the phase begins, perhaps anew."""
        before = self._shown.get(phase)
        begins = before is None or done <= _BEGINNING < self._done[phase] or (done == 0 < before[0])
        self._done[phase] = done
        furthest, first = (0, total) if before is None or begins or not before[1] else before
        self._shown[phase] = (max(furthest, min(first, first * done // total)) if total else 0, first)
        return *self._shown[phase], begins


class _Lines:
    """Progress where nothing can be drawn: a line every half minute and one at the end, with the last remark."""

    def __init__(self, console: Console, steady: _Steady) -> None:
        self._console = console
        self._steady = steady
        self._began: dict[str, float] = {}
        self._state: dict[str, tuple[int, int]] = {}
        self._remarks: dict[str, str] = {}
        self._units: dict[str, str | None] = {}
        self._said_at = time.monotonic()

    def update(self, phase: str, done: int, total: int, *, text: str | None = None, unit: str | None = None) -> None:
        now = time.monotonic()
        self._began.setdefault(phase, now)
        shown, first, begins = self._steady.shown(phase, done, total)
        self._state[phase], self._units[phase] = (shown, first), unit
        if begins:
            self._remarks.pop(phase, None)
        if text is None and total > first:
            text = MORE if done < total else ""
        if text is not None:
            self._remarks[phase] = text
        # What is complete is said once, at the end.
        if done < total and now - self._said_at >= SECONDS_BETWEEN_LINES:
            self._say(phase, "after", now)

    def finish(self) -> None:
        now = time.monotonic()
        for phase in self._state:
            self._say(phase, "in", now)

    def _say(self, phase: str, word: str, now: float) -> None:
        self._said_at = now
        (done, total), remark, unit = self._state[phase], self._remarks.get(phase), self._units[phase]
        share = f"{_PERCENT * done // max(1, total)}%" if unit is None else f"{done:,} of {total:,} {unit}"
        took = f"{share} {word} {_minutes(now - self._began[phase])}"
        self._console.print(f"  {phase}: {took}{f', {remark}' if remark else ''}", soft_wrap=True)


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _bars(console: Console) -> Progress:
    return Progress(
        # A step that takes minutes by itself must not look as if nothing went on.
        SpinnerColumn("line", finished_text=" "),
        # Where there is little room, the end of a name is left out, and not how far it is.
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, max_width=max(console.width // 3 - 2, console.width - _BAR_COLUMNS)),
        ),
        BarColumn(bar_width=_BAR),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        _RemarkColumn(),
        console=console,
        transient=False,
    )


class _RemarkColumn(ProgressColumn):
    """The remark beside a bar."""

    def render(self, task: Task) -> "_Remark":
        return _Remark(task.fields["text"])


@frozen
class _Remark:
    """As many parts of a text, which commas divide, as there is room for: the last ones matter least."""

    text: str

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(0, cell_len(self.text))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = self.text
        while cell_len(text) > options.max_width:
            text = text.rpartition(", ")[0]
        yield Text(text)
