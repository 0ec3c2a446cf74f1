"""Size and work of a net, counted by PyTorch on shapes alone."""

from collections.abc import Callable

import torch
from torch import nn

from pnas_ops.data.space import Architecture
from pnas_ops.modules.build import build_network
from pnas_ops.modules.evaluating import evaluating


def count_parameters(module: nn.Module) -> int:
    """Number of trainable values."""
    return sum(parameter.numel() for parameter in module.parameters())


def forward_macs(forward: Callable[[], object]) -> int:
    """Multiply-accumulates of the convolutions and matrix products that `forward` computes."""
    # Late: it imports a compiler.
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
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


def architecture_macs(architecture: Architecture) -> int:
    """Multiply-accumulates of the net for one image."""
    with torch.device("meta"):
        network = build_network(architecture)
    return count_macs(network, architecture.input_shape)
