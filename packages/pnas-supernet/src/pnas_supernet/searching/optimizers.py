"""The optimizers of a search."""

import torch
from torch import nn

from pnas_supernet.gates.mixed_op import alpha_parameters, weight_parameters
from pnas_supernet.searching.search_config import SearchConfig


def make_weight_optimizer(network: nn.Module, config: SearchConfig) -> torch.optim.SGD:
    """SGD with Nesterov momentum for every weight, in one pass over them (fused)."""
    weights = weight_parameters(network)
    optimizer = torch.optim.SGD(
        weights,
        lr=config.weight_lr,
        momentum=config.weight_momentum,
        weight_decay=config.weight_decay,
        nesterov=config.weight_momentum > 0,
        fused=True,
    )
    if config.weight_momentum > 0:
        begin_momentum(optimizer)
    return optimizer


def make_alpha_optimizer(network: nn.Module, config: SearchConfig) -> torch.optim.Adam:
    """Adam, without weight decay, for every architecture parameter."""
    return torch.optim.Adam(
        alpha_parameters(network), lr=config.alpha_lr, betas=config.alpha_betas, weight_decay=0.0, fused=True
    )


def begin_momentum(optimizer: torch.optim.SGD) -> None:
    """Gives every weight of an SGD with momentum a zero momentum buffer.

    The fused kernel does not take a mix of weights with and without one, such as sampled paths cause.
    """
    for group in optimizer.param_groups:
        for weight in group["params"]:
            optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)


def lay_out_momentum(optimizer: torch.optim.Optimizer) -> None:
    """Gives the momentum buffers of an SGD the memory layout of their weights; leaves other optimizers alone.

    The layouts may differ, for example after a checkpoint. The fused kernel pairs numbers in the order of memory, and
    does not check.
    """
    for weight, state in optimizer.state.items():
        momentum = state.get("momentum_buffer")
        if momentum is not None and momentum.stride() != weight.stride():
            state["momentum_buffer"] = torch.empty_like(weight).copy_(momentum)
