"""Parameters and buffers that a step must not change."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import NamedTuple

import torch
from attrs import frozen
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def frozen_parameters(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """In the `with` block no gradient is computed for these parameters."""
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
    """In the `with` block modules compute as usual; after it all their buffers are what they were before.

    That includes running statistics of normalizations, and the buffers of spectral norm.

    Args:
        modules: as `network.modules()` gives them.
    """
    modules = list(modules)
    # Most buffers are BatchNorm's: not writing them is faster than copying them back.
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
def buffers_kept_on_error(modules: Iterable[nn.Module]) -> Iterator["Buffers"]:
    """If the `with` block raises, restores all buffers of these modules, which the block is given."""
    before = Buffers.of(modules)
    try:
        yield before
    except BaseException:
        before.restore()
        raise


class _Buffer(NamedTuple):
    module: nn.Module
    name: str
    tensor: Tensor
    version: int

    @property
    def is_rebound(self) -> bool:
        """Whether the module now holds another tensor."""
        return self.module._buffers[self.name] is not self.tensor


@frozen(eq=False)
class _Alike:
    """Buffers of one dtype on one device, with their content concatenated: copying each would be a launch for each.

    Attributes:
        shown: the memory of each, in a form that can be concatenated.
    """

    buffers: list[_Buffer]
    shown: list[Tensor]
    content: Tensor

    @classmethod
    def of(cls, buffers: list[_Buffer]) -> "_Alike":
        tensors = [buffer.tensor for buffer in buffers]
        shown = [tensor.view(-1) if tensor.is_contiguous() else tensor for tensor in tensors]
        return cls(buffers, shown, torch.cat(shown))

    def pieces(self, content: Tensor) -> tuple[Tensor, ...]:
        """Each buffer's part of a concatenated content."""
        return torch.split(content, [len(memory) for memory in self.shown])


@frozen(eq=False)
class Buffers:
    """A snapshot of the buffers of some modules."""

    _alike: tuple[_Alike, ...]
    _fixed: tuple[_Buffer, ...]

    @classmethod
    def of(cls, modules: Iterable[nn.Module]) -> "Buffers":
        """The buffers that these modules hold themselves, without those of their submodules."""
        alike: dict[object, list[_Buffer]] = {}
        fixed = []
        for module in modules:
            for name, tensor in module._buffers.items():
                if tensor is None:
                    continue
                if not _can_be_written(tensor):
                    fixed.append(_Buffer(module, name, tensor, 0))
                    continue
                # Tensors that are not contiguous are not concatenated with others.
                row = (tensor.device, tensor.dtype) if tensor.is_contiguous() else id(tensor)
                alike.setdefault(row, []).append(_Buffer(module, name, tensor, tensor._version))
        with torch.no_grad():
            return cls(tuple(map(_Alike.of, alike.values())), tuple(fixed))

    def restore(self) -> None:
        """Gives the modules the same tensors back, with their former content."""
        with torch.no_grad():
            for alike in self._alike:
                for buffer, memory, content in zip(
                    alike.buffers, alike.shown, alike.pieces(alike.content), strict=True
                ):
                    # If PyTorch counted no change, as for statistics, neither does this: a graph may hold the tensor.
                    counted = buffer.tensor._version != buffer.version
                    (memory if counted else memory.data).copy_(content)
        for buffer in self._all():
            buffer.module._buffers[buffer.name] = buffer.tensor

    def restore_if(self, condition: Tensor) -> None:
        """Restores if a condition, a boolean scalar, holds; the device decides, and the CPU does not wait for it.

        (It waits if a module has rebound a buffer, since only the CPU can bind the old one.) No graph may hold them.
        """
        if any(buffer.is_rebound for buffer in self._all()):
            if condition:
                self.restore()
            return
        with torch.no_grad():
            for alike in self._alike:
                now = torch.cat(alike.shown)
                chosen = torch.where(condition.to(now.device), alike.content, now)
                torch._foreach_copy_(alike.shown, alike.pieces(chosen))

    def _all(self) -> Iterator[_Buffer]:
        return chain(self._fixed, *(alike.buffers for alike in self._alike))


def _can_be_written(tensor: Tensor) -> bool:
    """Whether a tensor may be changed in place; not if some of its elements share memory, for example."""
    return (
        tensor.layout is torch.strided
        and not tensor.is_inference()
        and (tensor.is_contiguous() or not _overlaps(tensor))
    )


def _overlaps(tensor: Tensor) -> bool:
    return any(step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True))
