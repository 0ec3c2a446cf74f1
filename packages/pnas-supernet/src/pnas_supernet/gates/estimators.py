"""Estimators of the gradient of architecture parameters: one function each, with its equation.

All take inputs of any shape, such as (N, C, H, W), and n candidates o_1..o_n with outputs of equal shape: a tensor, or
a tuple, list or dict of tensors. With p = softmax(alpha) and binary gates g ~ Multinomial(p), a path's output is
sum_j g_j o_j(x) (ProxylessNAS, eq. 2, 3).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pnas_supernet.gates.candidates import OutputForm, run_candidate
from pnas_supernet.gates.echo import Moment, echo, has_gradient


class SelfGated(nn.Module, ABC):
    """A candidate with its own implementation of `gated_output`."""

    @abstractmethod
    def gated_output(self, alpha: Tensor, candidates: Sequence[nn.Module], *inputs: Any, **named: Any) -> Any:
        """`gated_output` with itself as the active candidate."""


def gated_output(alpha: Tensor, candidates: Sequence[nn.Module], active: int, *inputs: Any, **named: Any) -> Any:
    """The active candidate's output; alpha receives the exact gate gradient (eq. 4) at the memory of one path.

        dL/dalpha_i = sum_j dL/dg_j p_j (delta_ij - p_i),  where  dL/dg_j = Re <dL/dout, o_j(x)>.

    The gates replace the probabilities (dL/dp_j := dL/dg_j, straight-through), and autograd's own softmax does the
    rest. Backward evaluates the other candidates one at a time, without a graph, each with the active one's autocast
    and random state, and does not change their buffers. A candidate with p_j = 0 is not evaluated. Later layers may
    change the output in place; backward then evaluates the active candidate again. Outputs that share memory with the
    input or with one another are returned as copies, so that such a change affects only one.

    Args:
        alpha: architecture parameters of the candidates, shape (n,).
        candidates: the operations.
        active: index of the candidate that is run with a graph.
        inputs, named: their input, such as one tensor, which receives the gradient of the active candidate only.

    Raises:
        ValueError: here or in backward, for a candidate that changes its input in place, and for two whose outputs
            differ in shape.
    """
    if not (torch.is_grad_enabled() and alpha.requires_grad):
        return candidates[active](*inputs, **named)
    chosen = candidates[active]
    if isinstance(chosen, SelfGated):
        return chosen.gated_output(alpha, candidates, *inputs, **named)
    before = Moment.of(candidates[active], alpha.device, inputs, named)
    output = candidates[active](*inputs, **named)
    return echo(alpha, candidates, active, before, output, inputs, named)


def two_path_output(
    alpha: Tensor, candidates: Sequence[nn.Module], active: int, other: int, *inputs: Any, **named: Any
) -> Any:
    """The active candidate's output; alpha receives the gate gradient of a sampled pair only (section 3.2.1).

    This is eq. 4 over the pair, with renormalized probabilities q = softmax((alpha_active, alpha_other)).

    Args:
        alpha: architecture parameters of all candidates, shape (n,).
        candidates: the operations.
        active: index of the candidate that is run with a graph.
        other: index of the candidate that backward evaluates.
        inputs, named: their input.
    """
    # Stacked, since a list used as an index is copied to the GPU.
    of_pair = torch.stack([alpha[active], alpha[other]])
    return gated_output(of_pair, [candidates[active], candidates[other]], 0, *inputs, **named)


def mixture_output(alpha: Tensor, candidates: Sequence[nn.Module], *inputs: Any, **named: Any) -> Any:
    """sum_j p_j o_j(x), the relaxation of DARTS (Liu et al. 2019, eq. 2): a baseline, at the memory of n paths."""
    return _weighted_sum(alpha.softmax(dim=0), candidates, inputs, named)


def sum_output(candidates: Sequence[nn.Module], *inputs: Any, **named: Any) -> Any:
    """sum_j o_j(x), the One-Shot model (Bender et al. 2018): a baseline, at the memory of n paths, without alpha."""
    return _weighted_sum([1.0] * len(candidates), candidates, inputs, named)


def _weighted_sum(
    weights: Iterable[Tensor | float],
    candidates: Sequence[nn.Module],
    inputs: Sequence[Any],
    named: Mapping[str, Any],
) -> Any:
    form: OutputForm | None = None
    totals: list[Tensor] = []
    for weight, candidate in zip(weights, candidates, strict=True):
        output = run_candidate(candidate, inputs, named)
        if form is None:
            form, tensors = OutputForm.of(candidate, output)
            totals = [weight * tensor if has_gradient(tensor) else tensor for tensor in tensors]
        else:
            tensors = form.tensors_alike(candidate, output)
            totals = [
                total + weight * tensor if has_gradient(tensor) else total
                for total, tensor in zip(totals, tensors, strict=True)
            ]
    assert form is not None  # a MixedOp has a candidate
    return form.nest.filled(totals)
