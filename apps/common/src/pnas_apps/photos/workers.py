"""Work on photos in processes that do nothing else."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.signals import deaf_children

Item = TypeVar("Item")
Joined = TypeVar("Joined")


def in_workers(
    items: Dataset[Item],
    batches: Sequence[list[int]],
    join: Callable[[list[Item]], Joined],
    *,
    workers: int,
    pin_memory: bool = False,
) -> Iterator[Joined]:
    """The items of each batch, joined by `join`, in order.

    Args:
        items: made where they are asked for.
        batches: positions of items.
        join: is called where the items were made.
        workers: processes that make them; 0 to do it in this one.
        pin_memory: whether what is joined is brought where a GPU fetches it from.

    Raises:
        UserError: where a worker dies.
    """
    loader = DataLoader(
        items,
        batch_sampler=batches,
        num_workers=workers,
        multiprocessing_context=_fresh_processes() if workers else None,
        worker_init_fn=_end_with_parent,
        collate_fn=join,
        pin_memory=pin_memory,
        # It draws a seed for its workers, which is used by nothing: PyTorch's own generator stays as it is.
        generator=torch.Generator(),
    )
    try:
        yield from loader
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise UserError(f"a process that reads photos has died ({error}): lower the number of workers") from None


def _fresh_processes() -> BaseContext:
    """Forks workers from a process that does nothing else: a fork of this one may lock up, since converters leave
    threads in it.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pnas_apps.photos.batches"])
    with deaf_children():
        forkserver.ensure_running()
    return context


def _end_with_parent(worker: int) -> None:
    """Ends a worker when the process that it works for is killed. PyTorch looks after the one that forked it, which is
    another here, and lives as long as the worker.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
