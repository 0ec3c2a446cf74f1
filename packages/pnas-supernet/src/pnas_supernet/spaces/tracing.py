"""A trace of one forward pass: which modules it calls, with what inputs, and which operators they run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from pnas_supernet.gates.nested import Nest
from pnas_supernet.gates.surroundings import seeded
from pnas_supernet.spaces.recording import OperatorRecorder, run_recorded


@frozen
class Seen:
    """A tensor without its numbers, so that a trace needs no more memory than a pass."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    memory_format: torch.memory_format

    @classmethod
    def of(cls, value: object) -> "Seen | None":
        """What a trace records of a tensor; None for anything else."""
        if not isinstance(value, Tensor):
            return None
        last = value.dim() == 4 and not value.is_contiguous() and value.is_contiguous(memory_format=torch.channels_last)
        memory_format = torch.channels_last if last else torch.contiguous_format
        return cls(tuple(value.shape), value.dtype, value.device, memory_format)

    def zeros(self) -> Tensor:
        """A tensor of zeros of the same form."""
        zeros = torch.zeros(self.shape, dtype=self.dtype, device=self.device)
        return zeros.contiguous(memory_format=self.memory_format)


@frozen(eq=False)
class Call:
    """A call of a module.

    Attributes:
        inputs: its positional arguments; None for those that are no tensors.
        names: of its keyword arguments.
        output: None if it is not a single tensor.
        start, stop: the range of the pass's operators that it ran.
    """

    inputs: tuple[Seen | None, ...]
    names: tuple[str, ...]
    output: Seen | None
    start: int
    stop: int


@frozen(eq=False)
class Trace:
    """A forward pass.

    Attributes:
        operators: all that were run, in order.
        kernel_sizes: of the convolutions among them, by their index.
        macs: of all of them.
        calls: of each module that was called.
        output: of the net.
    """

    operators: tuple[str, ...]
    kernel_sizes: Mapping[int, int]
    macs: int
    calls: Mapping[nn.Module, list[Call]]
    output: object

    def misfit(self, module: nn.Module) -> str:
        """Why a module cannot be a place; empty if it can."""
        calls = self.calls.get(module, [])
        if len(calls) != 1:
            return f"is called {len(calls)} times in a forward pass" if calls else "is not called in a forward pass"
        (call,) = calls
        if call.names:
            return f"is called with arguments by name ({', '.join(call.names)})"
        if not call.inputs or None in call.inputs:
            return "is called with something else than tensors" if call.inputs else "is called without an input"
        return "" if call.output else "gives something else than one tensor"

    def inputs(self, module: nn.Module) -> tuple[Tensor, ...]:
        """Zeros that look like the inputs of a module; none if it cannot be a place."""
        if self.misfit(module):
            return ()
        (call,) = self.calls[module]
        return tuple(seen.zeros() for seen in call.inputs if seen is not None)


def trace(network: nn.Module, arguments: tuple[Any, ...]) -> Trace:
    """Runs a net once in evaluation mode, without gradients, on copies of the tensors, with a fixed seed."""
    call, tensors = Nest.split(arguments)
    copies = call.filled([tensor.detach().clone() for tensor in tensors])
    calls: dict[nn.Module, list[Call]] = {}
    recorder = OperatorRecorder()
    with seeded(0, tensors[0].device if tensors else None), _watched(network, recorder, calls):
        output, macs = run_recorded(recorder, network, copies)
    return Trace(tuple(recorder.operators), recorder.kernel_sizes, macs, calls, output)


@contextmanager
def _watched(network: nn.Module, recorder: OperatorRecorder, calls: dict[nn.Module, list[Call]]) -> Iterator[None]:
    under_way: list[tuple[int, tuple[Seen | None, ...]]] = []

    def start(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        under_way.append((len(recorder.operators), tuple(map(Seen.of, args))))

    def stop(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object], output: object) -> None:
        first, inputs = under_way.pop()
        call = Call(inputs, tuple(kwargs), Seen.of(output), first, len(recorder.operators))
        calls.setdefault(module, []).append(call)

    handles: list[RemovableHandle] = []
    try:
        for module in network.modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue  # which takes no such hooks
            handles.append(module.register_forward_pre_hook(start, with_kwargs=True))
            handles.append(module.register_forward_hook(stop, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()
