"""Paths drawn for every choice of a network, from the CPU's copy of alpha."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pnas_supernet.gates.known_alphas import KnownAlphas
from pnas_supernet.gates.mixed_op import mixed_ops
from pnas_supernet.gates.path import GatePath, Sampler
from pnas_supernet.gates.transfers import on_cpu


def sample_paths(network: nn.Module, sampler: Sampler, generator: torch.Generator) -> tuple[GatePath, ...]:
    """One path for every `MixedOp` of `network`, the same one for those that share a choice.

    Args:
        network: any module.
        sampler: draws a path from the architecture parameters of one choice.
        generator: the only source of randomness. It is on the CPU, so that processes with equal generators sample equal
            paths whatever their devices.
    """
    drawn = {alpha: sampler(value, generator) for alpha, value in alphas_on_cpu(network).items()}
    return tuple(drawn[op.alpha] for op in mixed_ops(network))


def alphas_on_cpu(network: nn.Module) -> dict[nn.Parameter, Tensor]:
    """The architecture parameters of each choice of `network`, with their values on the CPU, in order."""
    ops = mixed_ops(network)
    alphas = list(dict.fromkeys(op.alpha for op in ops))
    known = next((op._known_alphas for op in ops), None)
    return dict(zip(alphas, on_cpu(alphas) if known is None else known.of(alphas), strict=True))


@contextmanager
def known_alphas(network: nn.Module) -> Iterator[KnownAlphas]:
    """In the `with` block paths of `network` are drawn from one copy of its alphas on the CPU.

    It is renewed when PyTorch counts a change of alpha. A fused optimizer's are not counted: `forget` it after each
    step.
    """
    ops = mixed_ops(network)
    known = KnownAlphas()
    for op in ops:
        op._known_alphas = known
    try:
        yield known
    finally:
        for op in ops:
            op._known_alphas = None
