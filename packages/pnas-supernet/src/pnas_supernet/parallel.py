"""Several processes that search as one: equal paths from equal generators, and averages of what differs."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pnas_supernet.mixed_op import alpha_parameters


class LostProcessError(RuntimeError):
    """Another process of the group is gone, or does not answer."""


class DesynchronizedError(RuntimeError):
    """Processes that must hold the same values do not."""


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
    with _exchange():
        dist.all_reduce(joined, group=group)
    joined /= group.size()
    for tensor, mean in zip(tensors, torch.split(joined, [tensor.numel() for tensor in tensors]), strict=True):
        tensor.detach().copy_(mean.view(tensor.shape))


def average_statistics(modules: Sequence[nn.Module], group: dist.ProcessGroup) -> None:
    """Replaces BatchNorm's running statistics by their means over the processes, so that all hold the same network."""
    norms = [module for module in modules if isinstance(module, _BatchNorm)]
    average([t for norm in norms for t in (norm.running_mean, norm.running_var) if t is not None], group)


def check_alphas_identical(network: nn.Module, group: dist.ProcessGroup) -> None:
    """Compares the architecture parameters of all processes, bit for bit.

    Raises:
        DesynchronizedError: naming the first mixed operation that differs.
        LostProcessError: where a process has ended.
    """
    alphas = torch.cat([alpha.detach().double() for alpha in alpha_parameters(network)])
    everyone = [torch.empty_like(alphas) for _ in range(group.size())]
    with _exchange():
        dist.all_gather(everyone, alphas, group=group)
    owners = [index for index, alpha in enumerate(alpha_parameters(network)) for _ in alpha]
    for rank, theirs in enumerate(everyone):
        different = (theirs != everyone[0]).nonzero()
        if len(different):
            raise DesynchronizedError(
                f"process {rank} has other architecture parameters than process 0, first in mixed operation "
                f"{owners[int(different[0])]}: start all from the same seed or checkpoint, with the same software"
            )


@contextmanager
def _exchange() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        # The first sentence, without the place in gloo's sources that stands before it.
        reason = re.sub(r"^\[\S+\] ", "", str(error).splitlines()[0]).split(". ")[0]
        raise LostProcessError(
            f"another process of the search is gone or does not answer ({reason}): "
            "start all of them again to go on from the last checkpoint"
        ) from error
