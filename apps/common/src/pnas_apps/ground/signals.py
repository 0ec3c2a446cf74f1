"""What ends a program from outside, as an exception: so that it leaves its `with` blocks, and can say how to go on."""

import atexit
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType, TracebackType


class TerminatedError(KeyboardInterrupt):
    """A signal that asks the program to end.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


_AGAIN_S = 0.05
"""After which a signal comes again that was dropped."""
_AT_ONCE_S = 1.0
"""Signals that come within so many seconds of one another ask for the same: a Ctrl-C that was pressed twice."""


@contextmanager
def signals_raised() -> Iterator[None]:
    """Inside the `with` block Ctrl-C, SIGTERM and SIGHUP raise a `TerminatedError`, unless they are ignored or handled.

    SIGTERM is what schedulers and `kill` send, SIGHUP what a terminal sends that is closed. One that comes at once
    after another is not raised, as it would interrupt what the first has begun to end; nor is one while Python ends.
    One that is raised where Python drops exceptions, such as in a library's hook of the garbage collector, or where a
    library prints them, comes again. What fails after one is what that has broken: a `TerminatedError`, too.
    """
    if threading.current_thread() is not threading.main_thread():  # Python lets no other thread handle signals
        yield
        return
    raising = _Raising()
    handled = {number: handler for number, handler in _USUAL.items() if signal.getsignal(number) is handler}
    for number in handled:
        signal.signal(number, raising)
    dropped, printed = sys.unraisablehook, sys.excepthook

    def come_again(unraisable: "sys.UnraisableHookArgs") -> None:
        if isinstance(unraisable.exc_value, TerminatedError):
            raising.come_again(unraisable.exc_value.number)
        else:
            dropped(unraisable)

    def come_again_unprinted(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None, /
    ) -> None:
        if isinstance(error, TerminatedError):
            raising.come_again(error.number)
        else:
            printed(kind, error, traceback)

    sys.unraisablehook, sys.excepthook = come_again, come_again_unprinted
    try:
        yield
    except Exception as error:
        if raising.number is None:
            raise
        raise TerminatedError(raising.number) from error
    finally:
        sys.unraisablehook, sys.excepthook = dropped, printed
        for number, handler in handled.items():
            signal.signal(number, handler)
        if raising.has_raised:
            atexit.register(_ignore, handled)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes that are started inside the `with` block never hear Ctrl-C, which a terminal sends to all of a job.

    While Python starts in them it would leave a traceback each. Whoever starts them ends them, by another signal.
    """
    # Where the tracker is started meanwhile, it lets Ctrl-C through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}


class _Raising:
    """Handles a signal."""

    def __init__(self) -> None:
        self._raised_at: float | None = None
        self.number: int | None = None
        """Of the last one that came; None before one did."""

    @property
    def has_raised(self) -> bool:
        """Whether one came."""
        return self._raised_at is not None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._raised_at is None or now - self._raised_at > _AT_ONCE_S:
            self._raised_at, self.number = now, number
            raise TerminatedError(number)

    def come_again(self, number: int) -> None:
        """Has one that was dropped come once more, soon."""
        self._raised_at = None
        main = threading.main_thread().ident
        assert main is not None
        timer = threading.Timer(_AGAIN_S, signal.pthread_kill, [main, number])
        timer.daemon = True
        timer.start()


def _ignore(numbers: Iterable[signal.Signals]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
