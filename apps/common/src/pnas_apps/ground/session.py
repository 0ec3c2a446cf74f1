"""What a program works with while it runs: its terminal, its processes, and the workers that read for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from attrs import evolve, frozen

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.processes import Processes, joined_processes
from pnas_apps.ground.progress import Reporter, reporter_on_stdout

Accelerator = Literal["auto", "cpu", "cuda"]
"""Where networks are trained; "auto" takes a GPU if there is one."""


@frozen(kw_only=True, eq=False)
class Session:
    """Nothing here changes what a run finds, but for the number of processes, whose sums are rounded differently.

    Attributes:
        reporter: shows progress; quiet but in the first process.
        processes: those that work on the run, and the device of this one.
        workers: processes that read photos, for each of them.
    """

    reporter: Reporter
    processes: Processes
    workers: int

    def alone(self) -> "Session | None":
        """The first process's session without the others, and None in those."""
        processes = self.processes.parted()
        return None if processes is None else evolve(self, processes=processes)


@contextmanager
def started_session(*, accelerator: Accelerator, workers: int | None) -> Iterator[Session]:
    """A session on stdout, with the processes that torchrun has started if it was torchrun.

    Args:
        accelerator: where networks are trained.
        workers: of each process; its share of the processor's cores if None.

    Raises:
        UserError: where there is no GPU, or not one for each process.
    """
    if workers is None:
        workers = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    with reporter_on_stdout() as reporter, joined_processes(_training_device(accelerator)) as processes:
        yield Session(reporter=processes.reporter(reporter), processes=processes, workers=workers)


def _training_device(accelerator: Accelerator) -> torch.device:
    available = torch.cuda.is_available()
    if accelerator == "cuda" and not available:
        raise UserError("PyTorch finds no CUDA GPU here: leave out --accelerator, or give --accelerator cpu")
    return torch.device("cuda" if available and accelerator != "cpu" else "cpu")
