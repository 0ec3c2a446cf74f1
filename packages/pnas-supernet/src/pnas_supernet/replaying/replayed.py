"""A candidate that is replayed from recordings wherever this is equivalent to running it."""

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import torch
from attrs import define, field, frozen
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pnas_ops import Zero
from pnas_supernet.gates.estimators import SelfGated, gated_output
from pnas_supernet.replaying.recording import Recording, StaticTensors, evaluation, record_gate
from pnas_supernet.replaying.tapes import NotRecordableError, Tape, Work

# The most different calls of a candidate, such as a last, smaller batch, that are recorded.
_MOST_RECORDINGS = 4

Recorded = TypeVar("Recorded")


class _Token:
    """Exists as long as the backward pass of a forward pass may still come."""


@define(eq=False)
class Recorder:
    """What the recordings of all candidates of a network share.

    Attributes:
        tape: records.
        shared: tensors that are in use only during a backward pass.
        eager: the reasons why candidates are not recorded.
    """

    tape: Tape
    shared: StaticTensors
    eager: dict[nn.Module, str] = field(factory=dict)


@define(eq=False)
class Place:
    """What the recordings of a `MixedOp`'s candidates share.

    Attributes:
        recorder: of the network.
        static: tensors of this place.
        anchor: a leaf that requires a gradient but gets none, so that backward runs even if the input requires none.
        token: of the forward pass whose backward pass is still to come.
    """

    recorder: Recorder
    static: StaticTensors
    anchor: Tensor
    _token: weakref.ref[_Token] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a forward pass has left tensors here that its backward pass needs."""
        return self._token is not None and self._token() is not None

    def enter(self) -> _Token:
        """Begins a forward pass."""
        token = _Token()
        self._token = weakref.ref(token)
        return token

    def leave(self, token: _Token | None) -> None:
        """Begins the backward pass of the forward pass that got this token.

        Raises:
            RuntimeError: for a second backward pass: the gradient has by now overwritten the input.
        """
        if token is None:
            raise RuntimeError(
                "a recorded candidate has only one backward pass for each forward pass: do a second one outside of "
                "`with RecordedCandidates(network):`"
            )
        self._token = None


@frozen(eq=False)
class Inside:
    """What is inside a candidate.

    Attributes:
        modules, parameters, buffers: all of them.
        norms: the modules that keep statistics.
        has_hooks: whether hooks may affect what it computes.
    """

    modules: Sequence[nn.Module]
    parameters: Sequence[nn.Parameter]
    buffers: Sequence[Tensor]
    norms: Sequence[Any]
    has_hooks: bool

    @classmethod
    def of(cls, candidate: nn.Module) -> "Inside":
        """The present state of the candidate."""
        modules, parameters = list(candidate.modules()), list(candidate.parameters())
        hooks = [
            *(one for part in modules for one in (part._forward_hooks, part._forward_pre_hooks)),
            *(one for part in modules for one in (part._backward_hooks, part._backward_pre_hooks)),
            *(parameter._backward_hooks for parameter in parameters),
            *(parameter._post_accumulate_grad_hooks for parameter in parameters),
        ]
        norms = [part for part in modules if hasattr(part, "track_running_stats")]
        return cls(modules, parameters, list(candidate.buffers()), norms, any(hooks))

    def state(self) -> tuple[Any, ...]:
        """The addresses of all numbers, which of them learn, and the modes of the modules."""
        return (
            *[parameter.data_ptr() for parameter in self.parameters],
            *[parameter.requires_grad for parameter in self.parameters],
            *[buffer.data_ptr() for buffer in self.buffers],
            *[module.training for module in self.modules],
            *[(norm.track_running_stats, norm.momentum) for norm in self.norms],
        )


class ReplayedCandidate(SelfGated):
    """Stands in for a candidate.

    A candidate is recorded if it has weights, takes one tensor and returns one, draws no random numbers and has no
    hooks. Any other candidate is run itself, and so is any other kind of call.

    Args:
        candidate: the one that this stands in for.
        index: of the candidate.
        place: of the candidate.
    """

    def __init__(self, candidate: nn.Module, index: int, place: Place) -> None:
        super().__init__()
        self.candidate = candidate
        self.index = index
        self._place = place
        self._inside: Inside | None = None
        self._recordings: dict[Any, Recording | None] = {}
        self._gates: dict[Any, Work | None] = {}

    def suits(self, alpha: Tensor) -> bool:
        """Whether the place's gradients of gates have alpha's dtype and device."""
        gates = self._place.static.gates
        return (gates.dtype, gates.device) == (alpha.dtype, alpha.device)

    def look_again(self) -> None:
        """Inspects the candidate anew at the next call: its modules, their tensors and hooks."""
        self._inside = None

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The candidate's output."""
        recording = self._recording(inputs, named, gated=False)
        if recording is None:
            return self.candidate(*inputs, **named)
        return _Replay.apply(recording, self._place, self._place.anchor, inputs[0])

    def gated_output(self, alpha: Tensor, candidates: Sequence[nn.Module], *inputs: Any, **named: Any) -> Any:
        """As `pnas_supernet.gated_output`, with this candidate as the active one among others of its place."""
        members = [candidate for candidate in candidates if isinstance(candidate, ReplayedCandidate)]
        if len(members) < len(candidates):  # a user's own path has added something else
            plain = [one.candidate if isinstance(one, ReplayedCandidate) else one for one in candidates]
            return gated_output(alpha, plain, plain.index(self.candidate), *inputs, **named)
        recording = self._recording(inputs, named, gated=True)
        gates = [] if recording is None else [one.gate(inputs[0], recording) for one in members if one is not self]
        if recording is None or None in gates:
            # One that cannot be recorded may draw random numbers: from the active one's random state, like all others.
            plain = [candidate.candidate for candidate in members]
            return gated_output(alpha, plain, members.index(self), *inputs, **named)
        call = _GatedCall(recording, self._place, [one.index for one in members], gates)
        return _ReplayGated.apply(alpha.softmax(dim=0), call, self._place.anchor, inputs[0])

    def gate(self, x: Tensor, active: Recording) -> Work | None:
        """The work that evaluates this candidate besides the active one and writes its gate's gradient, or None."""
        place, recorder = self._place, self._place.recorder
        gate = place.static.gates[self.index]
        if isinstance(self.candidate, Zero):
            return partial(gate.fill_, 0.0)
        call = self._call(x)
        if call is None:
            return None
        key = (active.grad_output.data_ptr(), *call)  # outputs of one shape may differ in memory layout
        if key not in self._gates and len(self._gates) < _MOST_RECORDINGS:
            work = evaluation(self.candidate, active, gate)
            self._gates[key] = self._recorded(
                lambda: record_gate(work, x.device, tape=recorder.tape, shared=recorder.shared)
            )
        return self._gates.get(key)

    def _recording(self, inputs: Sequence[Any], named: Any, *, gated: bool) -> Recording | None:
        place, recorder = self._place, self._place.recorder
        if named or len(inputs) != 1 or not torch.is_grad_enabled() or place.is_busy or _saves_elsewhere():
            return None
        (x,) = inputs
        call = self._call(x) if isinstance(x, Tensor) else None
        if call is None or not (self._inside and self._inside.parameters):  # without weights, running is as fast
            return None
        key = (gated, *call)
        if key not in self._recordings and len(self._recordings) < _MOST_RECORDINGS:
            self._recordings[key] = self._recorded(
                lambda: Recording.of(
                    self.candidate,
                    x,
                    tape=recorder.tape,
                    static=place.static,
                    shared=recorder.shared,
                    gate=place.static.gates[self.index] if gated else None,
                )
            )
        return self._recordings.get(key)

    def _call(self, x: Tensor) -> tuple[Any, ...] | None:
        """The key of a recording: all that it depends on; None if there must be no recording."""
        if self._inside is None:
            self._inside = Inside.of(self.candidate)
        if self._inside.has_hooks or self.candidate in self._place.recorder.eager:
            return None
        return (x.shape, x.stride(), x.dtype, x.requires_grad, _autocast_dtype(x), self._inside.state())

    def _recorded(self, record: Callable[[], Recorded]) -> Recorded | None:
        try:
            return record()
        except NotRecordableError as error:
            self._place.recorder.eager[self.candidate] = str(error)
            return None


@define(eq=False)
class _GatedCall:
    recording: Recording
    place: Place
    members: Sequence[int]
    gates: Sequence[Any]


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, recording: Recording, place: Place, anchor: Tensor, x: Tensor) -> Tensor:
        ctx.recording, ctx.place, ctx.token = recording, place, place.enter()
        recording.input.copy_(x)
        recording.forward()
        return recording.output.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        ctx.place.leave(ctx.token)
        ctx.token = None
        recording: Recording = ctx.recording
        recording.grad_output.copy_(grad_output)
        recording.add_gradients()
        return None, None, None, recording.input.clone() if ctx.needs_input_grad[3] else None


class _ReplayGated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, probs: Tensor, call: _GatedCall, anchor: Tensor, x: Tensor) -> Tensor:
        ctx.call, ctx.token = call, call.place.enter()
        ctx.probs = probs
        call.recording.input.copy_(x)
        call.recording.forward()
        return call.recording.output.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        call: _GatedCall = ctx.call
        call.place.leave(ctx.token)
        ctx.token = None
        call.recording.grad_output.copy_(grad_output)
        for gate in call.gates:
            gate()
        call.recording.add_gradients()
        gates = call.place.static.gates
        in_order = list(call.members) == list(range(len(gates)))
        found = gates.clone() if in_order else torch.stack([gates[one] for one in call.members])
        # A candidate of probability 0 does not count, whatever it gave.
        grad_probs = found.where(ctx.probs != 0, 0.0).to(ctx.probs.dtype)
        return grad_probs, None, None, call.recording.input.clone() if ctx.needs_input_grad[3] else None


def _saves_elsewhere() -> bool:
    """Whether something else, such as checkpointing, saves what backward needs, and must see it."""
    # PyTorch has no query for this, but refuses to disable hooks that exist.
    try:
        with torch.autograd.graph.disable_saved_tensors_hooks("there are hooks"):
            return False
    except RuntimeError:
        return True


def _autocast_dtype(x: Tensor) -> torch.dtype | None:
    return torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else None
