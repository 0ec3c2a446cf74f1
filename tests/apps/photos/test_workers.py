"""How the processes that read photos are begun."""

import signal
from typing import Any

import pytest

from pnas_apps.photos import workers


class _StoppedError(Exception):
    pass


def test_the_process_that_workers_are_forked_from_never_hears_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would print a traceback while it imports, before it can ignore it."""
    masks: list[set[Any]] = []

    def begun() -> None:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
        raise _StoppedError

    monkeypatch.setattr(workers.forkserver, "ensure_running", begun)
    items: Any = [0]
    with pytest.raises(_StoppedError):
        next(workers.in_workers(items, [[0]], list, workers=1))
    assert [signal.SIGINT in mask for mask in masks] == [True]
