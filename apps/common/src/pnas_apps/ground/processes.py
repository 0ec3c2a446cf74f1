"""Several processes that work as one, as torchrun starts them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from attrs import frozen

from pnas_apps.ground.console import SafeConsole
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_supernet import LostProcessError, exchange

Result = TypeVar("Result")
Part = TypeVar("Part")
Value = TypeVar("Value")
Shared = Callable[[Sequence[Part]], Iterator[Value]]
"""From parts of some work to what processes make of them, in order, as it comes."""

TIMEOUT = timedelta(minutes=30)
"""How long one waits for the others: the first of them also converts and measures."""


@frozen
class _Outcome:
    """What some work in the first process came to: its result, or None where it failed."""

    result: tuple[Any] | None = None


@frozen
class _Parts:
    """What the first process wants to be done: a part for each process, or for the first ones."""

    parts: tuple[Any, ...]


def _nothing(part: object) -> None:
    """Of parts that there are none of."""


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
        return self.first_sharing(lambda _: work(), _nothing)

    def first_sharing(self, work: Callable[[Shared[Part, Value]], Result], do: Callable[[Part], Value]) -> Result:
        """`first`, where all processes do parts of the work, for which none waits longer than one part takes.

        Args:
            work: is given a function from parts to what `do` makes of each, in order, as it comes.
            do: makes the same of a part in every process.

        Raises:
            SystemExit, LostProcessError: as `first`.
        """
        if self.group is None:
            return work(partial(map, do))
        if self.is_first:
            return self._leading(lambda: work(partial(self._together, do)))
        while isinstance(found := self._from_first(_Outcome()), _Parts):
            self._each(do, found.parts)
        if found.result is None:
            raise SystemExit(1)
        return found.result[0]  # type: ignore[no-any-return]

    def _leading(self, work: Callable[[], Result]) -> Result:
        """What the first process does while the others wait for what it comes to."""
        try:
            result = work()
        except Exception:
            with suppress(LostProcessError):  # of the others, who may be gone, nobody wants to hear now
                self._from_first(_Outcome())
            raise
        self._from_first(_Outcome((result,)))
        return result

    def _together(self, do: Callable[[Part], Value], parts: Sequence[Part]) -> Iterator[Value]:
        """What all processes make of parts, of which each does one at a time; asked for in the first process."""
        for start in range(0, len(parts), self.size):
            some = tuple(parts[start : start + self.size])
            self._from_first(_Parts(some))
            yield from self._each(do, some)

    def _each(self, do: Callable[[Part], Value], parts: Sequence[Part]) -> list[Value]:
        """What the processes make of a part each; known to the first alone."""
        own: Value | None = None
        try:
            if self.rank < len(parts):
                own = do(parts[self.rank])
        except Exception:
            if self.is_first:  # the others hand in theirs before they hear of it, unless they have failed, too
                with suppress(LostProcessError):
                    self._gathered(None)
            raise
        return self._gathered(own)[: len(parts)]

    def _gathered(self, own: Any) -> list[Any]:
        found: list[Any] | None = [None] * self.size if self.is_first else None
        with exchange():
            dist.gather_object(own, found, dst=0, group=self.group)
        return found or []

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

    def _from_first(self, message: "_Outcome | _Parts") -> "_Outcome | _Parts":
        held = [message]
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
