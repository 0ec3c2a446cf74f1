"""What a program works with while it runs: its terminal, its processes, and the workers that read for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import evolve, frozen

from pnas_apps.ground.gpus import Accelerator, begin_on, training_device
from pnas_apps.ground.processes import Processes, joined_processes
from pnas_apps.ground.progress import Reporter, reporter_on_stdout
from pnas_apps.ground.repeating import named_where_impossible, prepare_cublas


@frozen(kw_only=True, eq=False)
class Session:
    """Nothing here changes what a run finds, but for the number of processes, whose sums are rounded differently.

    Attributes:
        reporter: shows progress; quiet but in the first process.
        processes: the processes that work on the run, and the device of this one.
        workers: processes that read photos, for each of them.
        deterministic: whether a GPU is to give the same bits every time.
        tensorboard: whether what is learnt is written for TensorBoard, too.
    """

    reporter: Reporter
    processes: Processes
    workers: int
    deterministic: bool = False
    tensorboard: bool = False

    def alone(self) -> "Session | None":
        """The first process's session without the others, and None in those."""
        processes = self.processes.parted()
        return None if processes is None else evolve(self, processes=processes)


@contextmanager
def started_session(
    *, accelerator: Accelerator, workers: int | None, deterministic: bool = False, tensorboard: bool = False
) -> Iterator[Session]:
    """A session on stdout, with the processes that torchrun has started if it was torchrun.

    Args:
        accelerator: where networks are trained.
        workers: of each process; its share of the processor's cores if None.
        deterministic: whether a GPU is to give the same bits every time, for more time.
        tensorboard: as `Session` has it.

    Raises:
        UserError: where there is no GPU, one that cannot be used, or not one for each process; and where something has
            no deterministic form.
    """
    if workers is None:
        workers = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if deterministic:
        prepare_cublas()
    with reporter_on_stdout() as reporter, joined_processes(training_device(accelerator)) as processes:
        begin_on(processes.device)
        with named_where_impossible():
            yield Session(
                reporter=processes.reporter(reporter),
                processes=processes,
                workers=workers,
                deterministic=deterministic,
                tensorboard=tensorboard,
            )
