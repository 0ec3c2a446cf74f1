"""The output of an active candidate, through which alpha gets its gradient in backward (ProxylessNAS, eq. 4)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

from pnas_ops import Zero
from pnas_supernet.gates.candidates import OutputForm, check_inputs, inner_product, run_candidate
from pnas_supernet.gates.freezing import Buffers, buffers_untouched
from pnas_supernet.gates.nested import Nest, tensors_in
from pnas_supernet.gates.surroundings import Surroundings
from pnas_supernet.gates.transfers import Underway


@frozen(eq=False)
class Moment:
    """The state that the active candidate was run from, so that others, or itself again, can be run from the same.

    Attributes:
        versions: of the input's tensors.
        buffers: of the candidate, except those of BatchNorm, on which its output in training does not depend.
    """

    surroundings: Surroundings
    versions: list[int]
    buffers: Buffers

    @classmethod
    def of(
        cls, candidate: nn.Module, device: torch.device, inputs: Sequence[Any], named: Mapping[str, Any]
    ) -> "Moment":
        """The present state."""
        tensors = tensors_in((inputs, named))
        buffers = Buffers.of(part for part in _parts_of([candidate]) if not isinstance(part, _BatchNorm))
        return cls(
            Surroundings.of(tensors[0].device if tensors else device), [tensor._version for tensor in tensors], buffers
        )


def echo(
    alpha: Tensor,
    candidates: Sequence[nn.Module],
    active: int,
    before: Moment,
    output: Any,
    inputs: Sequence[Any],
    named: Mapping[str, Any],
) -> Any:
    """The output of a candidate that has been run; see `gated_output`.

    Args:
        alpha: architecture parameters of the candidates, shape (n,).
        candidates: the operations.
        active: index of the one that was run.
        before: the state that it was run from.
        output: its output.
        inputs, named: its input.

    Raises:
        ValueError: if it has changed its input in place, or its output holds no tensor.
    """
    check_inputs(candidates[active], before.versions, inputs, named)
    form, outputs = OutputForm.of(candidates[active], output)
    call, tensors = Nest.split((inputs, named))
    outputs = _of_their_own(outputs, besides=tensors)
    evaluation = _Evaluation(candidates, active, before, form, call)
    detached = [tensor.detach() for tensor in tensors]
    return form.nest.filled(_EchoActive.apply(alpha.softmax(dim=0), evaluation, *outputs, *detached))


@frozen(eq=False)
class _Evaluation:
    """All that backward needs to run the candidates, without tensors of the graph."""

    candidates: Sequence[nn.Module]
    active: int
    before: Moment
    form: OutputForm
    call: Nest

    def outputs(self, index: int, inputs: Sequence[Tensor]) -> list[Tensor]:
        """A candidate's outputs, as they would have been if it had been the active one."""
        candidate = self.candidates[index]
        if index == self.active:
            self.before.buffers.restore()
        self.before.surroundings.restore_random_state()
        positional, named = self.call.filled(inputs)
        return self.form.tensors_alike(candidate, run_candidate(candidate, positional, named))


class _EchoActive(torch.autograd.Function):
    """Returns the active output; evaluates the other candidates in backward.

    The active candidate runs outside of this function, which only echoes its output. So its weights stay in the
    ordinary graph, where hooks of data parallelism find them; a nested backward in this function would hide them.
    """

    @staticmethod
    def forward(ctx: Any, probs: Tensor, evaluation: _Evaluation, *tensors: Tensor) -> tuple[Tensor, ...]:
        count = len(evaluation.form.tensors)
        outputs, inputs = tensors[:count], tensors[count:]
        # Zeros need not be kept: their gate's gradient is known.
        kept = () if isinstance(evaluation.candidates[evaluation.active], Zero) else outputs
        # `data` is the same memory without autograd's check; the counters show whether it has been changed since.
        ctx.save_for_backward(probs, *inputs, *(output.data for output in kept))
        # The transfer starts now: fetching them in backward would stall the device at every place.
        ctx.evaluation, ctx.inputs, ctx.probs = evaluation, len(inputs), Underway(probs)
        ctx.counters = [_ChangeCounter(output) for output in kept]
        echoed = tuple(output.detach() for output in outputs)
        ctx.mark_non_differentiable(*(output for output in echoed if not has_gradient(output)))
        ctx.set_materialize_grads(False)
        return echoed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        probs, *saved = ctx.saved_tensors
        inputs, outputs = saved[: ctx.inputs], saved[ctx.inputs :]
        evaluation: _Evaluation = ctx.evaluation
        unchanged = not any(counter.has_counted for counter in ctx.counters)

        def grad_gate(index: int, candidate: nn.Module, prob: float) -> Tensor:
            if isinstance(candidate, Zero) or prob == 0.0:  # a factor of alpha's gradient is zero
                return torch.zeros_like(probs[0])
            found = outputs if index == evaluation.active and unchanged else evaluation.outputs(index, inputs)
            products = [
                inner_product(gradient, output)
                for gradient, output in zip(grad_outputs, found, strict=True)
                if gradient is not None
            ]
            total: Tensor = torch.stack([probs.new_zeros(()), *products]).sum()
            return total.to(probs.dtype)

        surroundings = evaluation.before.surroundings
        with torch.no_grad(), surroundings.restored(), buffers_untouched(_parts_of(evaluation.candidates)):
            numbered = zip(range(len(probs)), evaluation.candidates, ctx.probs.read(), strict=True)
            grad_probs = torch.stack([grad_gate(*one) for one in numbered])
        return grad_probs, None, *grad_outputs, *(None for _ in inputs)


class _ChangeCounter:
    """Counts changes in place of a tensor, without keeping its memory."""

    def __init__(self, tensor: Tensor) -> None:
        # A detached tensor shares the change counter, whatever memory it has itself.
        self._tensor = tensor.detach()
        self._tensor.data = tensor.new_empty(0)
        self._first = self._tensor._version

    @property
    def has_counted(self) -> bool:
        """Whether the tensor has been changed since."""
        return self._tensor._version != self._first


def _of_their_own(outputs: Sequence[Tensor], *, besides: Sequence[Tensor]) -> list[Tensor]:
    """The outputs, cloned where they share memory with one another or with the input.

    The other candidates need the input unchanged, and autograd does not see that an in-place change of one output
    changes another. So later layers may only change memory that nothing else shares.
    """
    shown = {tensor.untyped_storage().data_ptr() for tensor in besides}
    own = []
    for output in outputs:
        storage = output.untyped_storage().data_ptr()
        own.append(output.clone() if storage in shown else output)
        shown.add(storage)
    return own


def has_gradient(tensor: Tensor) -> bool:
    """Whether the tensor's dtype can have gradients."""
    return tensor.is_floating_point() or tensor.is_complex()


def _parts_of(candidates: Iterable[nn.Module]) -> list[nn.Module]:
    """All modules inside the candidates, and these themselves."""
    parts = list(candidates)
    for part in parts:  # grows during the loop
        parts.extend(child for child in part._modules.values() if child is not None)
    return parts
