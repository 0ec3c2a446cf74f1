"""How the processes that judge nets are begun."""

import signal
from multiprocessing.context import SpawnProcess
from types import SimpleNamespace
from typing import Any

import pytest

from pnas_apps.exploring.workers import work_in_processes


class _StoppedError(Exception):
    pass


def test_a_worker_never_hears_ctrl_c_which_would_print_a_traceback_while_it_imports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    masks: list[set[Any]] = []

    def begun(process: SpawnProcess) -> None:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
        raise _StoppedError

    monkeypatch.setattr(SpawnProcess, "start", begun)
    exploration: Any = SimpleNamespace(run=SimpleNamespace(cache=None))
    study: Any = None
    with pytest.raises(_StoppedError):
        work_in_processes(exploration, study, "name", 1, None, lambda entries: None)
    assert [signal.SIGINT in mask for mask in masks] == [True]
