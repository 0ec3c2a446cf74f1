"""What a step must leave as it was."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def frozen_parameters(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Inside the `with` block no gradient is computed for these parameters."""
    thawed = [parameter for parameter in parameters if parameter.requires_grad]
    try:
        for parameter in thawed:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in thawed:
            parameter.requires_grad_(True)


@contextmanager
def batch_statistics_untouched(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Inside the `with` block BatchNorm normalizes as before, but its running statistics stay what they are.

    Args:
        modules: as `network.modules()` gives them.
    """
    norms = [module for module in modules if isinstance(module, _BatchNorm) and module.training]
    tracked = [norm for norm in norms if norm.track_running_stats]
    try:
        for norm in tracked:
            norm.track_running_stats = False
        yield
    finally:
        for norm in tracked:
            norm.track_running_stats = True
