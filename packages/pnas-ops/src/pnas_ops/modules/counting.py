"""Parameters and MACs of a net, counted by PyTorch on shapes alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import nn

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.workload import Workload, workloads
from pnas_ops.modules.build import build_block, build_network
from pnas_ops.modules.evaluating import evaluating

if TYPE_CHECKING:
    from torch.utils.flop_counter import FlopCounterMode

Shape = tuple[int, ...]


def count_parameters(module: nn.Module) -> int:
    """Number of trainable values."""
    return sum(parameter.numel() for parameter in module.parameters())


def flop_counter() -> "FlopCounterMode":
    """PyTorch's own FLOP counter, which counts two for each multiply-accumulate.

    Extended by `torch.nn.Bilinear`, and by attention on a CPU where a net itself has chosen the kernel for it.
    """
    # Late: it imports a compiler.
    from torch.utils.flop_counter import FlopCounterMode

    return FlopCounterMode(
        display=False,
        custom_mapping={
            torch.ops.aten._trilinear: _bilinear_flops,
            torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
        },
    )


def forward_macs(forward: Callable[[], object]) -> int:
    """Multiply-accumulates of the convolutions and matrix products that `forward` computes, those of attention too."""
    counter = flop_counter()
    with torch.no_grad(), _attention_in_parts(), counter:
        forward()
    return int(counter.get_total_flops()) // 2


def count_macs(module: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Multiply-accumulates of convolutions and matrix products for one input of `input_shape` (N, C, H, W)."""
    device = next((parameter.device for parameter in module.parameters()), torch.device("meta"))
    with evaluating(module):
        return forward_macs(lambda: module(torch.empty(input_shape, device=device)))


def architecture_parameters(architecture: Architecture) -> int:
    """Number of trainable values of the net."""
    with torch.device("meta"):
        return count_parameters(build_network(architecture))


@lru_cache(maxsize=4096)
def workload_macs(workload: Workload) -> int:
    """Multiply-accumulates of a block at its shape for one image; results are cached."""
    with torch.device("meta"):
        block = build_block(workload.block)
    return count_macs(block, workload.input_shape)


def architecture_macs(architecture: Architecture) -> int:
    """Multiply-accumulates of the net for one image: those of its blocks.

    Raises:
        ValueError: for images that are too small for the net.
    """
    return sum(workload_macs(workload) for (workload,) in workloads(architecture))


@contextmanager
def _attention_in_parts() -> Iterator[None]:
    """Attention is computed as separate matrix products: the counter knows no fused kernel of a CPU."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def _attention_flops(query: Shape, key: Shape, value: Shape, *others: object, **named: object) -> int:
    """FLOPs of softmax(Q K') V with (N, heads, L, d), (N, heads, S, d) and (N, heads, S, v): two matrix products."""
    return 2 * prod(query[:3]) * key[2] * (query[3] + value[3])


def _bilinear_flops(first: Shape, weight: Shape, second: Shape, *others: object, **named: object) -> int:
    """FLOPs of x1' W_o x2 for each output o: with (N, a), (outputs, a, b) and (N, b) two matrix products."""
    outputs, a, b = weight
    return 2 * first[0] * outputs * b * (a + 1)
