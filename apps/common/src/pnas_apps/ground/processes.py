"""Several processes that work as one, as torchrun starts them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Generic, TypeVar

import torch
import torch.distributed as dist
from attrs import frozen

from pnas_apps.ground.console import SafeConsole
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_supernet import LostProcessError, exchange

Result = TypeVar("Result")

TIMEOUT = timedelta(minutes=30)
"""How long one waits for the others: the first of them also converts and measures."""


@frozen
class _Outcome(Generic[Result]):
    """What some work in the first process came to: its result, or None where it failed."""

    result: tuple[Result] | None = None


@frozen(kw_only=True, eq=False)
class Processes:
    """Where this process stands among those that work as one.

    Attributes:
        device: of this process.
        group: all of them; None where there is one only.
        rank: number of this one.
        size: how many they are.
    """

    device: torch.device
    group: dist.ProcessGroup | None = None
    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and shows progress."""
        return self.rank == 0

    def reporter(self, reporter: Reporter) -> Reporter:
        """The reporter; a quiet one in all processes but the first."""
        return reporter if self.is_first else Reporter(SafeConsole(quiet=True))

    def first(self, work: Callable[[], Result]) -> Result:
        """What `work` returns in the first process, in all of them; the others wait for it.

        Raises:
            SystemExit: in the others, where it fails in the first, which is the one that tells why.
            LostProcessError: where another process has ended.
        """
        if self.group is None:
            return work()
        if not self.is_first:
            outcome = self._from_first(_Outcome[Result]())
            if outcome.result is None:
                raise SystemExit(1)
            return outcome.result[0]
        try:
            result = work()
        except Exception:
            with suppress(LostProcessError):  # of the others, who may be gone, nobody wants to hear now
                self._from_first(_Outcome[Result]())
            raise
        self._from_first(_Outcome((result,)))
        return result

    def sums(self, values: Sequence[float]) -> list[float]:
        """The sums of what every process has."""
        joined = torch.tensor(values, dtype=torch.float64, device=self.device)
        if self.group is not None:
            with exchange():
                dist.all_reduce(joined, group=self.group)
        return joined.tolist()

    def parted(self) -> "Processes | None":
        """The first process alone, and None in the others; all of them leave their group.

        For long work that only one can do: the others need not wait, and do not end it by losing patience.
        """
        if self.group is None:
            return self
        dist.destroy_process_group()
        return Processes(device=self.device) if self.is_first else None

    def _from_first(self, outcome: "_Outcome[Result]") -> "_Outcome[Result]":
        held = [outcome]
        with exchange():
            dist.broadcast_object_list(held, src=0, group=self.group)
        return held[0]


@contextmanager
def joined_processes(device: torch.device) -> Iterator[Processes]:
    """Under torchrun the other processes that it has started; otherwise this one alone. Left after the `with` block.

    Args:
        device: "cuda" for one GPU a process and NCCL, "cpu" for gloo.

    Raises:
        UserError: where there are more processes than GPUs.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Processes(device=device)
        return
    if device.type == "cuda":
        local_rank, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local_rank >= gpus:
            raise UserError(f"there is no GPU for process {local_rank}: give torchrun --nproc-per-node {gpus}")
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
    # What is no tensor goes through gloo on GPUs too: who waits in NCCL keeps a core busy, on which the first measures.
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    store, rank, size = next(dist.rendezvous("env://", timeout=TIMEOUT))  # type: ignore[attr-defined]
    # torchrun has one store for all its attempts: the last one has left addresses in it where nobody answers any more.
    attempt = f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    store = dist.PrefixStore(attempt, store)  # type: ignore[attr-defined]
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    try:
        yield Processes(device=device, group=dist.group.WORLD, rank=dist.get_rank(), size=size)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
