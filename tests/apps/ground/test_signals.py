"""Signals as exceptions, also where Python drops exceptions."""

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pnas_apps.ground.signals import TerminatedError, deaf_children, signals_raised


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


def test_a_signal_that_a_library_prints_comes_again_in_place_of_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    printed = sys.excepthook
    with pytest.raises(TerminatedError) as told, signals_raised():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except TerminatedError as error:
            sys.excepthook(type(error), error, error.__traceback__)  # as C prints an exception, before it goes on
        time.sleep(20)
    assert told.value.number == signal.SIGINT
    assert (capsys.readouterr().err, sys.excepthook) == ("", printed)


def test_what_fails_since_a_library_swallowed_a_signal_is_an_interruption() -> None:
    with pytest.raises(TerminatedError) as told, signals_raised():
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        raise AttributeError("module 'numpy' has no attribute 'ndarray'")
    assert told.value.number == signal.SIGTERM
    with pytest.raises(AttributeError), signals_raised():
        raise AttributeError


def test_children_are_deaf_to_ctrl_c_and_this_process_is_not() -> None:
    ask = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"

    def is_deaf() -> str:
        return subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()

    with deaf_children():
        assert is_deaf() == "True"
    assert is_deaf() == "False"
