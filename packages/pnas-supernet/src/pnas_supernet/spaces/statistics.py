"""New statistics for BatchNorm that do not change its output."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def taking_statistics(modules: Iterable[nn.Module]) -> Iterator[None]:
    """After the `with` block, BatchNorm in these modules has the statistics of all its inputs in the block.

    Its weights are adjusted such that its output in evaluation mode does not change:

        weight' = weight sqrt(var' + eps) / sqrt(var + eps),  bias' = bias + weight (mean' - mean) / sqrt(var + eps).

    So modules that were trained with other statistics are as good in training mode, which uses those of a batch.

    Args:
        modules: in evaluation mode. BatchNorm without weights or without statistics stays as it is.
    """
    parts = (part for module in modules for part in module.modules())
    norms = [part for part in parts if isinstance(part, _BatchNorm) and part.affine and part.running_mean is not None]
    seen = {norm: _Moments() for norm in norms}
    handles = [norm.register_forward_pre_hook(moments.add) for norm, moments in seen.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    with torch.no_grad():
        for norm, moments in seen.items():
            if moments.count > 1:
                _take(norm, moments)


class _Moments:
    """Moments of each channel's values: their count, their sum and the sum of their squares."""

    def __init__(self) -> None:
        self.count = 0
        self.sum: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0

    def add(self, norm: nn.Module, args: tuple[Tensor, ...]) -> None:
        """Adds the input of a BatchNorm, (N, C, ...)."""
        values = args[0].detach().transpose(0, 1).flatten(1).float()
        self.count += values.shape[1]
        self.sum += values.sum(dim=1, dtype=torch.float64)
        self.squares += values.square().sum(dim=1, dtype=torch.float64)


def _take(norm: _BatchNorm, moments: _Moments) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean = moments.sum / moments.count
    # Unbiased, like BatchNorm's.
    var = (moments.squares - moments.count * mean**2) / (moments.count - 1)
    assert isinstance(mean, Tensor)
    assert isinstance(var, Tensor)
    deviation = (norm.running_var.double() + norm.eps).sqrt()
    norm.bias.copy_(norm.bias + norm.weight * (mean - norm.running_mean) / deviation)
    norm.weight.copy_(norm.weight * (var.clamp_min(0) + norm.eps).sqrt() / deviation)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(var.clamp_min(0))
