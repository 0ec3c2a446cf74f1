"""Several processes that search, or train, as one: equal draws from equal generators, means of what differs."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from pnas_ops import PnasError


class LostProcessError(PnasError, RuntimeError):
    """Another process of the group has ended or does not respond."""


class DesynchronizedError(PnasError, RuntimeError):
    """Processes that must hold the same values do not."""


@contextmanager
def exchange() -> Iterator[None]:
    """Wraps an exchange of `torch.distributed`: a lost process becomes an error in one line.

    Raises:
        LostProcessError: for any RuntimeError of the `with` block.
    """
    try:
        yield
    except RuntimeError as error:
        # The first sentence, without the source location that gloo puts before it.
        reason = re.sub(r"^\[\S+\] ", "", str(error)).split("\n")[0].split(". ")[0] or type(error).__name__
        raise LostProcessError(
            f"another process is gone or does not answer ({reason})",
            "start all of them again to go on from the last checkpoint",
        ) from error


def average(tensors: Sequence[Tensor], group: dist.ProcessGroup) -> None:
    """Replaces tensors, in place, by their means over the processes of `group`, in one exchange.

    Args:
        tensors: floating-point, of one device; as many and as large in every process.
        group: the processes.

    Raises:
        LostProcessError: where a process has ended.
    """
    if not tensors:
        return
    joined = torch.cat(
        [tensor.detach().flatten().to(torch.promote_types(tensor.dtype, torch.float32)) for tensor in tensors]
    )
    with exchange():
        dist.all_reduce(joined, group=group)
    joined /= group.size()
    for tensor, mean in zip(tensors, torch.split(joined, [tensor.numel() for tensor in tensors]), strict=True):
        tensor.detach().copy_(mean.view(tensor.shape))


def average_statistics(modules: Sequence[nn.Module], group: dist.ProcessGroup) -> None:
    """Replaces running statistics by their means over the processes, so that all hold the same network."""
    average(running_statistics(modules), group)


def running_statistics(modules: Iterable[nn.Module]) -> list[Tensor]:
    """Means and variances that BatchNorm and InstanceNorm keep."""
    norms = [module for module in modules if isinstance(module, _NormBase)]
    return [t for norm in norms for t in (norm.running_mean, norm.running_var) if t is not None]


def check_identical(state: dict[str, Any], group: dist.ProcessGroup) -> None:
    """Compares the state of all processes, bit for bit.

    Args:
        state: nested dicts and lists of tensors and plain values.
        group: the processes.

    Raises:
        DesynchronizedError: naming the first entry that differs.
        LostProcessError: where a process has ended.
    """
    everyone: list[dict[str, str]] = [{}] * group.size()
    with exchange():
        dist.all_gather_object(everyone, dict(_digests("", state)), group=group)
    for rank, theirs in enumerate(everyone):
        for name in sorted(everyone[0].keys() | theirs.keys()):
            if theirs.get(name) != everyone[0].get(name):
                raise DesynchronizedError(
                    f"process {rank} differs from process 0 in {name}",
                    "start all with the same options and software, from the same seed or checkpoint, and give them "
                    "equally many batches",
                )


def _digests(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """The name of every leaf of a nested value, with a digest of its content."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _digests(f"{name}/{key}" if name else f"{key}", part)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _digests(f"{name}/{index}", part)
    elif isinstance(value, Tensor):
        content = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
        yield name, f"{value.dtype} {tuple(value.shape)} {hashlib.sha256(content.data).hexdigest()}"
    else:
        yield name, repr(value)
