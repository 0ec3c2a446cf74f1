"""How the processes that judge nets are begun."""

import signal
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import SimpleNamespace
from typing import Any

import pytest

from pnas_apps.exploring import workers
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


def test_a_worker_that_is_killed_before_it_reads_its_order_leaves_the_others_to_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Ended:
        """A process that ends when it is first looked at, without having read anything."""

        def __init__(self, connection: Connection, exitcode: int) -> None:
            self.exitcode = exitcode
            self._connection = connection

        def is_alive(self) -> bool:
            self._connection.close()
            return False

    def started(*_: object) -> tuple[Ended, Connection]:
        ours, its = Pipe()
        exitcodes.append(-signal.SIGKILL if not exitcodes else 0)
        return Ended(its, exitcodes[-1]), ours

    exitcodes: list[int] = []
    told: list[str] = []
    monkeypatch.setattr(workers, "_start", started)
    monkeypatch.setattr(workers, "_order", lambda *_: "an order")
    exploration: Any = SimpleNamespace(run=SimpleNamespace(cache=None, reporter=SimpleNamespace(warn=told.append)))
    study: Any = SimpleNamespace(entries=list)
    work_in_processes(exploration, study, "name", 2, None, lambda entries: None)
    assert told == ["  worker 1 has died; others will judge its net"]
