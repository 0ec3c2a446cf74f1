"""What ends a program from outside, as an exception: so that it leaves its `with` blocks, and can say how to go on."""

import atexit
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType


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
    One that is raised where Python drops exceptions, such as in a library's hook of the garbage collector, comes again.
    """
    if threading.current_thread() is not threading.main_thread():  # Python lets no other thread handle signals
        yield
        return
    raising = _Raising()
    handled = {number: handler for number, handler in _USUAL.items() if signal.getsignal(number) is handler}
    for number in handled:
        signal.signal(number, raising)
    dropped = sys.unraisablehook

    def come_again(unraisable: "sys.UnraisableHookArgs") -> None:
        if isinstance(unraisable.exc_value, TerminatedError):
            raising.come_again(unraisable.exc_value.number)
        else:
            dropped(unraisable)

    sys.unraisablehook = come_again
    try:
        yield
    finally:
        sys.unraisablehook = dropped
        for number, handler in handled.items():
            signal.signal(number, handler)
        if raising.has_raised:
            atexit.register(_ignore, handled)


_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}


class _Raising:
    """Handles a signal."""

    def __init__(self) -> None:
        self._raised_at: float | None = None

    @property
    def has_raised(self) -> bool:
        """Whether one came."""
        return self._raised_at is not None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._raised_at is None or now - self._raised_at > _AT_ONCE_S:
            self._raised_at = now
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
