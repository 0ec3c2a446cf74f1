"""Several processes that work as one, as torchrun starts them."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from attrs import frozen
from rich.console import Console
from torch import Tensor

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter

Result = TypeVar("Result")

TIMEOUT = timedelta(minutes=30)
"""How long one waits for the others: the first of them also converts and measures."""


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
        """Whether this is the one that writes files and tells about progress."""
        return self.rank == 0

    def reporter(self, reporter: Reporter) -> Reporter:
        """The reporter, or one that keeps quiet where another process tells the same."""
        return reporter if self.is_first else Reporter(Console(quiet=True))

    def first(self, work: Callable[[], Result]) -> Result:
        """What `work` returns in the first process, in all of them; the others wait for it.

        Raises:
            SystemExit: in the others, where it fails in the first, which is the one that tells why.
            UserError: where another process has ended.
        """
        if self.group is None:
            return work()
        if not self.is_first:
            done, result = self._from_first(None)
            if not done:
                raise SystemExit(1)
            return result  # type: ignore[no-any-return]
        try:
            result = work()
        except Exception:
            with suppress(UserError):  # of the others, who may be gone, nobody wants to hear now
                self._from_first((False, None))
            raise
        self._from_first((True, result))
        return result

    def sums(self, values: Sequence[float]) -> list[float]:
        """The sums of what every process has."""
        joined = torch.tensor(values, dtype=torch.float64, device=self.device)
        if self.group is not None:
            with _told_lost():
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

    def _from_first(self, outcome: Any) -> Any:
        held = [outcome]
        with _told_lost():
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
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    try:
        yield Processes(device=device, group=dist.group.WORLD, rank=dist.get_rank(), size=size)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def average(tensors: Sequence[Tensor], group: dist.ProcessGroup) -> None:
    """Replaces floating-point tensors of one device, in place, by their means over the processes.

    Raises:
        UserError: where another process has ended.
    """
    if not tensors:
        return
    joined = torch.cat([tensor.detach().flatten() for tensor in tensors])
    with _told_lost():
        dist.all_reduce(joined, group=group)
    joined /= group.size()
    for tensor, mean in zip(tensors, torch.split(joined, [tensor.numel() for tensor in tensors]), strict=True):
        tensor.detach().copy_(mean.view(tensor.shape))


def refuse_different(state: Mapping[str, Tensor | int], group: dist.ProcessGroup) -> None:
    """Compares what all processes hold, bit for bit.

    Raises:
        UserError: naming what differs, or where another process has ended.
    """
    digests = {name: _digest(value) for name, value in state.items()}
    everyone: list[dict[str, str]] = [{}] * group.size()
    with _told_lost():
        dist.all_gather_object(everyone, digests, group=group)
    for rank, theirs in enumerate(everyone):
        for name, digest in everyone[0].items():
            if theirs.get(name) != digest:
                raise UserError(
                    f"process {rank} differs from process 0 in {name}: start all with the same options and software"
                )


def _digest(value: Tensor | int) -> str:
    if isinstance(value, int):
        return str(value)
    content = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    return hashlib.sha256(content.data).hexdigest()


@contextmanager
def _told_lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            f"another process of the training is gone or does not answer ({str(error).splitlines()[0]}): "
            "start all of them again to go on from the last checkpoint"
        ) from error
