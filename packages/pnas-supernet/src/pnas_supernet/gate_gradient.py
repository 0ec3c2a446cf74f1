"""The gradient of binary gates, at the memory of one path (ProxylessNAS, eq. 4)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pnas_supernet.freezing import batch_statistics_untouched


def gated_output(probs: Tensor, candidates: Sequence[nn.Module], active: int, x: Tensor) -> Tensor:
    """The active candidate's output, through which `probs` receives the gate gradient.

    The output is sum_j g_j o_j(x) with g one-hot at `active`. The gates stand in for the probabilities
    (dL/dp_j := dL/dg_j, straight-through), so with p = softmax(alpha) autograd's own softmax gives eq. 4:

        dL/dalpha_i = sum_j dL/dg_j p_j (delta_ij - p_i),  where  dL/dg_j = <dL/dout, o_j(x)>.

    Args:
        probs: probabilities of the candidates, shape (N,).
        candidates: N operations of equal output shape.
        active: index of the one that is run with a graph.
        x: their input, which receives the gradient of the active candidate alone.
    """
    output = candidates[active](x)
    echoed: Tensor = _EchoActive.apply(probs, output, x.detach(), candidates, active)
    return echoed


class _EchoActive(torch.autograd.Function):
    """Hands the active output on; evaluates the other candidates in backward, one at a time and without a graph.

    Running the active candidate outside and only echoing it keeps its weights in the ordinary graph, where hooks of
    data parallelism find them; a nested backward inside this function would hide them.
    """

    @staticmethod
    def forward(
        ctx: Any, probs: Tensor, output: Tensor, x: Tensor, candidates: Sequence[nn.Module], active: int
    ) -> Tensor:
        ctx.save_for_backward(probs, output, x)
        ctx.candidates, ctx.active = candidates, active
        return output.view_as(output)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, Tensor, None, None, None]:
        probs, output, x = ctx.saved_tensors
        if not ctx.needs_input_grad[0]:
            return None, grad_output, None, None, None
        grad_gates = [
            _inner_product(grad_output, output if index == ctx.active else _evaluate(candidate, x))
            for index, candidate in enumerate(ctx.candidates)
        ]
        return torch.stack(grad_gates).to(probs.dtype), grad_output, None, None, None


def _evaluate(candidate: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad(), batch_statistics_untouched(candidate):
        output: Tensor = candidate(x)
    return output


def _inner_product(a: Tensor, b: Tensor) -> Tensor:
    # At least float32: a sum over a whole activation overflows or drowns in half precision.
    return torch.sum(a * b, dtype=torch.promote_types(a.dtype, torch.float32))
