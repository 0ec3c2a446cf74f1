"""A candidate recorded for one kind of call."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from attrs import define, field, frozen
from torch import Tensor, nn

from pnas_supernet.gates.candidates import inner_product
from pnas_supernet.gates.freezing import Buffers, buffers_untouched
from pnas_supernet.replaying.tapes import NotRecordableError, Tape, Work, told_as_not_recordable


@define(eq=False)
class StaticTensors:
    """Tensors at fixed addresses, which recordings read and write, as CUDA graphs need them.

    The candidates of a place share them, since only one is in use at a time.

    Attributes:
        gates: dL/dg of every candidate of the place, shape (n,).
        memory: of the tape, for what a forward pass keeps.
    """

    gates: Tensor
    memory: Any
    _tensors: dict[Any, Tensor] = field(factory=dict)

    def tensor(self, role: str, like: Tensor) -> Tensor:
        """The tensor of this role, with the shape, strides and dtype of `like`; made on the first call."""
        key = (role, like.shape, like.stride(), like.dtype)
        if key not in self._tensors:
            self._tensors[key] = torch.empty_like(like, requires_grad=False)
        return self._tensors[key]


@frozen(eq=False)
class Recording:
    """The forward and the backward pass of a candidate.

    Attributes:
        input: holds its input; after the backward pass, the gradient of the input.
        output: holds its output, until the next forward pass.
        grad_output: holds the gradient of its output.
        parameters: those that require gradients.
        gradients: of these parameters, after the backward pass.
        forward, backward: replay the passes.
    """

    input: Tensor
    output: Tensor
    grad_output: Tensor
    parameters: Sequence[nn.Parameter]
    gradients: Sequence[Tensor]
    forward: Work
    backward: Work

    @classmethod
    def of(
        cls,
        candidate: nn.Module,
        x: Tensor,
        *,
        tape: Tape,
        static: StaticTensors,
        shared: StaticTensors,
        gate: Tensor | None,
    ) -> "Recording":
        """Records a candidate that takes one tensor such as `x` and returns one.

        Args:
            candidate: its weights and buffers do not change.
            x: an example input.
            tape: records.
            static: tensors of the place.
            shared: tensors of all places, in use only during a backward pass.
            gate: where the backward pass writes <dL/dout, out>; None if it need not.

        Raises:
            NotRecordableError: for one that draws random numbers, changes its input, waits for the GPU, learns
                something other than its own parameters, or does not return a tensor.
            torch.OutOfMemoryError: if it does not fit into the GPU's memory.
        """
        place = static.tensor("input", x)
        leaf = place.detach().requires_grad_(x.requires_grad)
        wanted = [tensor for tensor in (leaf, *candidate.parameters()) if tensor.requires_grad]
        held: list[Tensor] = []
        autocast = autocast_of(x.device)

        def run() -> Tensor:
            with torch.enable_grad(), autocast():
                out = candidate(leaf)
            if not isinstance(out, Tensor) or not out.is_floating_point():
                raise NotRecordableError("it gives something else than a tensor of real numbers")
            return out

        used: list[Tensor] = []

        def rehearsal() -> None:
            version = place._version
            out = run()
            if place._version != version:
                raise NotRecordableError("it changes its input in place")
            if any(all(leaf is not one for one in wanted) for leaf in _leaves(out)):
                raise NotRecordableError("it learns something that is not among its parameters")
            outputs[:] = [out.detach()]
            if out.requires_grad:
                found = torch.autograd.grad(out, wanted, torch.zeros_like(out), allow_unused=True)
                used[:] = [tensor for tensor, gradient in zip(wanted, found, strict=True) if gradient is not None]
                if any(gradient is not None and gradient.is_sparse for gradient in found):
                    raise NotRecordableError("its gradients are sparse")
                if any(tensor is not leaf and not isinstance(tensor, nn.Parameter) for tensor in used):
                    raise NotRecordableError("something else stands for its parameters, as in functional_call")

        outputs: list[Tensor] = []
        place.copy_(x.detach())
        buffers = Buffers.of(candidate.modules())
        try:
            with drawing_nothing(x.device), told_as_not_recordable(RuntimeError):
                tape.rehearse(rehearsal)
        finally:
            buffers.restore()
        output = shared.tensor("output", outputs[0])
        grad_output = shared.tensor("grad_output", outputs[0])
        parameters = [tensor for tensor in used if isinstance(tensor, nn.Parameter)]
        # Not in the tape's memory, which the backward passes of other places overwrite.
        gradients = [torch.empty_like(parameter, requires_grad=False) for parameter in parameters]
        outputs.clear()

        def forward() -> None:
            held[:] = [run()]
            output.copy_(held[0].detach())

        def backward() -> None:
            out = held.pop()
            if gate is not None:
                gate.copy_(inner_product(grad_output, out.detach()))
            if used:
                found = torch.autograd.grad(out, used, grad_output)
                if used[0] is leaf:
                    # Nothing needs the input any more by then.
                    place.copy_(found[0])
                if parameters:
                    torch._foreach_copy_(gradients, list(found[len(used) - len(parameters) :]))

        replay_forward, replay_backward = tape.record(forward, static.memory), tape.record(backward, shared.memory)
        return cls(place, output, grad_output, parameters, gradients, replay_forward, replay_backward)

    def add_gradients(self) -> None:
        """Does the backward pass and adds its gradients to those that the parameters have."""
        earlier = [parameter.grad for parameter in self.parameters]
        if any(gradient is not None for gradient in earlier):
            # The present gradients may be those of the last backward pass, in the memory that this one overwrites.
            earlier = [None if gradient is None else gradient.clone() for gradient in earlier]
        self.backward()
        for parameter, before, gradient in zip(self.parameters, earlier, self.gradients, strict=True):
            parameter.grad = gradient if before is None else before.add_(gradient)


def evaluation(candidate: nn.Module, active: Recording, gate: Tensor) -> Work:
    """Evaluates a candidate during the active one's backward pass: <dL/dout, o(x)> goes to `gate`.

    Args:
        candidate: the operation; its buffers do not change.
        active: the recording of the active candidate.
        gate: a scalar.
    """
    place, grad_output = active.input, active.grad_output
    parts, autocast = list(candidate.modules()), autocast_of(place.device)

    def work() -> None:
        version = place._version
        with torch.no_grad(), autocast(), buffers_untouched(parts):
            out = candidate(place)
        if place._version != version:
            raise NotRecordableError("it changes its input in place")
        if not isinstance(out, Tensor) or out.shape != grad_output.shape:
            raise ValueError(
                f"two candidates of a MixedOp give incompatible outputs: {type(candidate).__name__} and one of shape "
                f"{tuple(grad_output.shape)}; each must be able to replace the other"
            )
        gate.copy_(inner_product(grad_output, out))

    return work


def record_gate(work: Work, device: torch.device, *, tape: Tape, shared: StaticTensors) -> Work:
    """An `evaluation`, recorded.

    Raises:
        NotRecordableError: as `Recording.of`.
    """
    # A candidate banned by alpha = -inf may fail: it is then not run.
    with drawing_nothing(device), told_as_not_recordable(RuntimeError, ValueError):
        tape.rehearse(work)
    return tape.record(work, shared.memory)


def autocast_of(device: torch.device) -> Callable[[], AbstractContextManager[None]]:
    """Makes the present autocast, without its cache of weights, which does not exist when work is replayed."""
    enabled = torch.is_autocast_enabled(device.type)
    dtype = torch.get_autocast_dtype(device.type) if enabled else None
    return lambda: torch.autocast(device.type, dtype=dtype, enabled=enabled, cache_enabled=False)


@contextmanager
def drawing_nothing(device: torch.device) -> Iterator[None]:
    """After the `with` block, PyTorch's and Python's generators are as before.

    Raises:
        NotRecordableError: if the block has drawn from them.
    """
    before, of_python = _random_states(device), random.getstate()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
            after, of_python_after = _random_states(device), random.getstate()
    finally:
        random.setstate(of_python)
    if of_python_after != of_python or any(not torch.equal(a, b) for a, b in zip(before, after, strict=True)):
        raise NotRecordableError("it draws random numbers")


def _leaves(out: Tensor) -> Iterator[Tensor]:
    """The leaves to which the graph of a tensor gives gradients."""
    seen: set[Any] = set()
    ahead: list[Any] = [out.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is not None and node not in seen:
            seen.add(node)
            if hasattr(node, "variable"):
                yield node.variable
            ahead += [following for following, _ in node.next_functions]


def _random_states(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states
