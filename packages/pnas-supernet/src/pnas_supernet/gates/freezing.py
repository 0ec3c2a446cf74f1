"""What a step must leave as it was."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from attrs import frozen
from torch import Tensor, nn
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
def buffers_untouched(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Inside the `with` block modules compute as ever; after it all their buffers are what they were.

    So are the running statistics of any normalization, and what spectral norm knows of its weight.

    Args:
        modules: as `network.modules()` gives them.
    """
    modules = list(modules)
    # Most buffers are BatchNorm's: not to write them takes less time than to copy them back.
    silent = [
        module
        for module in modules
        if isinstance(module, _BatchNorm) and module.training and module.track_running_stats
    ]
    others = Buffers.of(module for module in modules if not isinstance(module, _BatchNorm))
    try:
        for norm in silent:
            norm.track_running_stats = False
        yield
    finally:
        for norm in silent:
            norm.track_running_stats = True
        others.restore()


@contextmanager
def buffers_kept_on_error(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Where the `with` block raises, all buffers of these modules are again what they were before it."""
    before = Buffers.of(modules)
    try:
        yield
    except BaseException:
        before.restore()
        raise


@frozen
class _Buffer:
    module: nn.Module
    name: str
    tensor: Tensor
    content: Tensor


@frozen(eq=False)
class Buffers:
    """The buffers of some modules, at one moment."""

    _buffers: tuple[_Buffer, ...]

    @classmethod
    def of(cls, modules: Iterable[nn.Module]) -> "Buffers":
        """Those that the modules themselves hold, not what is inside them."""
        return cls(
            tuple(
                _Buffer(module, name, tensor, tensor.detach().clone())
                for module in modules
                for name, tensor in module._buffers.items()
                if tensor is not None
            )
        )

    def restore(self) -> None:
        """Gives the modules back the same tensors, with the content that they had."""
        with torch.no_grad():
            for buffer in self._buffers:
                # What is as it was is not written, since a graph may hold it. (Statistics change uncounted by PyTorch.)
                if not torch.equal(buffer.tensor, buffer.content):
                    buffer.tensor.copy_(buffer.content)
                buffer.module._buffers[buffer.name] = buffer.tensor
