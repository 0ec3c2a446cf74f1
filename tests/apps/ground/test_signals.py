"""Signals as exceptions, also where Python drops exceptions."""

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from pnas_apps.ground.signals import TerminatedError, signals_raised


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """Ctrl-C as in a program that was begun in a terminal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_signal_that_a_hook_of_the_garbage_collector_swallows_comes_again() -> None:
    came: list[str] = []

    def hook(phase: str, info: object) -> None:
        if not came:
            came.append(phase)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)  # the handler raises here at the latest, and Python goes on

    hooks, dropped = [*gc.callbacks], sys.unraisablehook
    gc.callbacks.append(hook)
    began = time.monotonic()
    try:
        with pytest.raises(TerminatedError) as told, signals_raised():
            gc.collect()
            time.sleep(20)
    finally:
        gc.callbacks[:] = hooks
    assert came
    assert told.value.number == signal.SIGINT
    assert time.monotonic() - began < 10
    assert sys.unraisablehook is dropped


def test_other_exceptions_that_are_dropped_are_told_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: told.append(dropped.exc_value))

    class Odd:
        def __del__(self) -> None:
            raise ValueError("odd")

    with signals_raised():
        Odd()
        gc.collect()
    assert [str(one) for one in told] == ["odd"]
