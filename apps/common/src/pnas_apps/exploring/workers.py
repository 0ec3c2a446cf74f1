"""Several processes on this machine that work on one study."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread

import torch
import torch.multiprocessing as multiprocessing
from attrs import frozen

from pnas_apps.exploring.entries import Entry
from pnas_apps.exploring.exploration import Exploration
from pnas_apps.exploring.naming import worker_name
from pnas_apps.exploring.study import Study
from pnas_apps.exploring.work import POLL_S, work
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.console import SafeConsole
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.processes import Processes
from pnas_apps.ground.progress import Reporter
from pnas_apps.ground.signals import deaf_children, signals_raised
from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_apps.run.lock import FolderInUseError, held_folder
from pnas_apps.run.operations import given_operations
from pnas_apps.run.preset import Preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.task import Task
from pnas_latency import Budget, LatencyTable
from pnas_ops import PnasError

WORKERS = "workers"
"""Name of the folder of their folders."""

_LET_GO_S = 10.0
"""That processes have to end, and those of an earlier command to notice that it is gone."""


@frozen(kw_only=True, eq=False)
class Order:
    """An exploration as a process can be given it, and who is to work on it."""

    task: Task
    preset: Preset
    folder: Path
    seed: int
    budget: Budget
    metrics: dict[str, str]
    target: DeviceSettings
    cache: Cache
    readers: int
    deterministic: bool
    device: str
    threads: int
    settings: ExplorationSettings
    table: LatencyTable
    address: str | None
    accuracies: Path | None
    worker: str
    number: int

    def exploration(self) -> Exploration:
        """It, without a terminal."""
        device = torch.device(self.device)
        run = Run(
            task=self.task.on(device),
            preset=self.preset,
            folder=RunFolder(self.folder),
            seed=self.seed,
            reporter=Reporter(SafeConsole(quiet=True)),
            cache=self.cache,
            budget=self.budget,
            metrics=self.metrics,
            target=self.target,
            processes=Processes(device=device),
            workers=self.readers,
            deterministic=self.deterministic,
        )
        return Exploration(
            run=run, settings=self.settings, table=self.table, address=self.address, accuracies=self.accuracies
        )


def folder_of(run: Run, number: int) -> Path:
    """Where a worker keeps what it is judging."""
    return run.folder.path / WORKERS / f"{number}"


def work_in_processes(
    exploration: Exploration,
    study: Study,
    name: str,
    count: int,
    ops: Path | None,
    seen: Callable[[Sequence[Entry]], None],
) -> None:
    """Has a study worked on by several processes, until they have ended.

    If one dies, that is reported, and the others take its net; those left end with this process.

    Args:
        exploration: what is explored.
        study: its.
        name: of the run, with which those of its workers begin.
        count: of the processes.
        ops: file of the user's own operations.
        seen: is given the entries every now and then.

    Raises:
        UserError: what one of them says, or where all of them died.
    """
    started: dict[int, tuple[BaseProcess, Connection]] = {}
    died = 0
    try:
        for number in range(1, count + 1):
            started[number] = _start(ops, exploration.run.cache)
        for number, (_, connection) in started.items():
            with suppress(OSError):  # of one that has died already
                connection.send(_order(exploration, name, number, count))
        while started:
            time.sleep(POLL_S)
            seen(study.entries())
            ended = [number for number, (process, _) in started.items() if not process.is_alive()]
            for number in ended:
                process, connection = started.pop(number)
                with suppress(EOFError, ConnectionResetError):  # the latter of one that was killed before it read
                    raise UserError(connection.recv())
                if process.exitcode:
                    died += 1
                    exploration.run.reporter.warn(f"  worker {number} has died; others will judge its net")
    finally:
        _end([process for process, _ in started.values()])
    if died == count:
        raise UserError("all workers have died: run the same command again to resume, with fewer --workers if needed")


def _start(ops: Path | None, cache: Cache) -> tuple[BaseProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=_work, args=(ops, cache, its, os.getpid()))
    with deaf_children():
        process.start()
    its.close()
    return process, ours


def _order(exploration: Exploration, name: str, number: int, count: int) -> Order:
    run = exploration.run
    gpus = torch.cuda.device_count() if run.device.type == "cuda" else 0
    return Order(
        task=run.task.on(torch.device("cpu")),
        preset=run.preset,
        folder=run.folder.path,
        seed=run.seed,
        budget=run.budget,
        metrics=dict(run.metrics),
        target=run.target,
        cache=run.cache,
        readers=run.workers // count,
        deterministic=run.deterministic,
        device=f"cuda:{number % gpus}" if gpus else "cpu",
        threads=max(1, torch.get_num_threads() // count),
        settings=exploration.settings,
        table=exploration.table,
        address=exploration.address,
        accuracies=exploration.accuracies,
        worker=worker_name(name, number),
        number=number,
    )


def _work(ops: Path | None, cache: Cache, connection: Connection, parent: int) -> None:
    """What a process does."""
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        # The space in its order may have operations of the user's own.
        with signals_raised(), given_operations(ops, cache):
            order: Order = connection.recv()
            torch.set_num_threads(order.threads)
            exploration = order.exploration()
            folder = folder_of(exploration.run, order.number)
            with _held(folder), closing(exploration.study(order.worker)) as study:
                work(
                    study,
                    exploration.asker(),
                    exploration.judge(folder / "net"),
                    exploration.run.task.space,
                )
    except (UserError, PnasError) as error:
        connection.send(str(error))
    except KeyboardInterrupt:
        raise SystemExit(1) from None


def _end_with(parent: int) -> None:
    """Ends this process where the one that started it is gone: it would be in the way of the next."""
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Holds a worker's folder, for which one of an earlier command has to let go of it."""
    until = time.monotonic() + _LET_GO_S
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(held_folder(folder))
                break
            except FolderInUseError:
                if time.monotonic() > until:
                    raise
                time.sleep(POLL_S)
        yield


def _end(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(_LET_GO_S)
        if process.is_alive():
            process.kill()
            process.join()
