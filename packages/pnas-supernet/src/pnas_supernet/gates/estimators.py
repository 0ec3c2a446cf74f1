"""How architecture parameters get their gradient: one function an estimator, each with its equation.

All take an input x of any shape, such as (N, C, H, W), and n candidates o_1..o_n with outputs of equal shape. With
p = softmax(alpha) and binary gates g ~ Multinomial(p), a path's output is sum_j g_j o_j(x) (ProxylessNAS, eq. 2, 3).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pnas_ops import Zero
from pnas_supernet.gates.freezing import batch_statistics_untouched
from pnas_supernet.gates.surroundings import Surroundings


def gated_output(alpha: Tensor, candidates: Sequence[nn.Module], active: int, x: Tensor) -> Tensor:
    """The active candidate's output; alpha receives the exact gate gradient (eq. 4) at the memory of one path.

        dL/dalpha_i = sum_j dL/dg_j p_j (delta_ij - p_i),  where  dL/dg_j = <dL/dout, o_j(x)>.

    The gates stand in for the probabilities (dL/dp_j := dL/dg_j, straight-through), and autograd's own softmax does the
    rest. Backward evaluates the other candidates one at a time, without a graph, each under the autocast and from the
    random state that the active one saw, and leaves their running statistics alone.

    Args:
        alpha: architecture parameters of the candidates, shape (n,).
        candidates: the operations.
        active: index of the one that is run with a graph.
        x: their input, which receives the gradient of the active candidate alone.

    Raises:
        ValueError: here or in backward, for a candidate that changes its input in place.
    """
    surroundings = Surroundings.of(x.device)
    output = _run(candidates[active], x)
    echoed: Tensor = _EchoActive.apply(alpha.softmax(dim=0), output, x.detach(), candidates, active, surroundings)
    return echoed


def two_path_output(alpha: Tensor, candidates: Sequence[nn.Module], active: int, other: int, x: Tensor) -> Tensor:
    """The active candidate's output; alpha receives the gate gradient of a sampled pair alone (section 3.2.1).

    With the pair's probabilities renormalized, q = softmax((alpha_active, alpha_other)), eq. 4 over the two of them.

    Args:
        alpha: architecture parameters of all candidates, shape (n,).
        candidates: the operations.
        active: index of the one that is run with a graph.
        other: index of the one that backward evaluates.
        x: their input.
    """
    pair = [active, other]
    return gated_output(alpha[pair], [candidates[member] for member in pair], 0, x)


def mixture_output(alpha: Tensor, candidates: Sequence[nn.Module], x: Tensor) -> Tensor:
    """sum_j p_j o_j(x), the relaxation of DARTS (Liu et al. 2019, eq. 2): a baseline, at the memory of n paths."""
    outputs = (prob * _run(candidate, x) for prob, candidate in zip(alpha.softmax(dim=0), candidates, strict=True))
    return _sum(outputs)


def sum_output(candidates: Sequence[nn.Module], x: Tensor) -> Tensor:
    """sum_j o_j(x), the One-Shot model (Bender et al. 2018): a baseline, at the memory of n paths, without alpha."""
    return _sum(_run(candidate, x) for candidate in candidates)


class _EchoActive(torch.autograd.Function):
    """Hands the active output on; evaluates the other candidates in backward.

    Running the active candidate outside and only echoing it keeps its weights in the ordinary graph, where hooks of
    data parallelism find them; a nested backward inside this function would hide them.
    """

    @staticmethod
    def forward(
        ctx: Any,
        probs: Tensor,
        output: Tensor,
        x: Tensor,
        candidates: Sequence[nn.Module],
        active: int,
        surroundings: Surroundings,
    ) -> Tensor:
        # Zeros need no keeping: their gate's gradient is known.
        ctx.save_for_backward(None if isinstance(candidates[active], Zero) else output, x)
        ctx.candidates, ctx.active, ctx.surroundings = candidates, active, surroundings
        ctx.probs_dtype = probs.dtype
        return output.view_as(output)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, Tensor, None, None, None, None]:
        output, x = ctx.saved_tensors
        if not ctx.needs_input_grad[0]:
            return None, grad_output, None, None, None, None

        def grad_gate(index: int, candidate: nn.Module) -> Tensor:
            if isinstance(candidate, Zero):
                return grad_output.new_zeros((), dtype=ctx.probs_dtype)
            if index == ctx.active:
                return _inner_product(grad_output, output).to(ctx.probs_dtype)
            ctx.surroundings.restore_random_state()
            return _inner_product(grad_output, _run(candidate, x)).to(ctx.probs_dtype)

        with torch.no_grad(), ctx.surroundings.restored(), batch_statistics_untouched(_parts(ctx.candidates)):
            grad_probs = torch.stack([grad_gate(*numbered) for numbered in enumerate(ctx.candidates)])
        return grad_probs, grad_output, None, None, None, None


def _run(candidate: nn.Module, x: Tensor) -> Tensor:
    version = x._version
    output: Tensor = candidate(x)
    if x._version != version:
        raise ValueError(
            f"a candidate ({type(candidate).__name__}) changes its input in place, which the others need as it was: "
            "build it with inplace=False"
        )
    return output


def _inner_product(a: Tensor, b: Tensor) -> Tensor:
    # At least float32: a sum over a whole activation overflows or drowns in half precision.
    wide = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    return torch.sum(a.to(wide) * b.to(wide))


def _sum(outputs: Any) -> Tensor:
    first, *others = outputs
    total: Tensor = first
    for output in others:
        total = total + output
    return total


def _parts(candidates: Sequence[nn.Module]) -> list[nn.Module]:
    """All modules inside the candidates."""
    parts = list(candidates)
    for part in parts:  # grows while it is gone through
        parts.extend(child for child in part._modules.values() if child is not None)
    return parts
