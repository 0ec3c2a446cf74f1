"""What ends a program from outside, as an exception: so that it leaves its `with` blocks, and can say how to go on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TerminatedError(KeyboardInterrupt):
    """A signal that asks the program to end, as Ctrl-C does.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def signals_raised() -> Iterator[None]:
    """Inside the `with` block SIGTERM and SIGHUP raise a `TerminatedError`, unless they are ignored or handled already.

    SIGTERM is what schedulers and `kill` send, SIGHUP what a terminal sends that is closed.
    """
    if threading.current_thread() is not threading.main_thread():  # Python lets no other thread handle signals
        yield
        return
    raised = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    for one in raised:
        signal.signal(one, _raise)
    try:
        yield
    finally:
        for one in raised:
            signal.signal(one, signal.SIG_DFL)


def _raise(number: int, frame: FrameType | None) -> None:
    raise TerminatedError(number)
