"""Layers with fewer channels: which channels are kept, and the layers made from them."""

import copy
from typing import TypeGuard

import torch
from torch import Tensor, nn

from pnas_supernet.spaces.kernels import is_plain_convolution, rebuilt

Dense = nn.Conv2d | nn.Linear
"""A layer in which every output depends on every input channel: a convolution without groups, or a linear one."""


def is_dense(module: nn.Module) -> TypeGuard[Dense]:
    """Whether it is such a layer as PyTorch has it, without a parametrization."""
    if type(module) is nn.Linear:
        return {name for name, _ in module.named_parameters()} <= {"weight", "bias"}
    return is_plain_convolution(module) and module.groups == 1


def is_depthwise(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether it is a convolution in which every channel stays by itself."""
    return is_plain_convolution(module) and 1 < module.groups == module.in_channels == module.out_channels


def is_per_channel(module: nn.Module, channels: int) -> bool:
    """Whether a leaf has its values one a channel, as BatchNorm and PReLU do, or has none at all."""
    values = [*module.parameters(), *module.buffers()]
    return not list(module.children()) and all(tuple(value.shape) in ((channels,), (1,), ()) for value in values)


def in_channels(layer: Dense) -> int:
    """The channels that it takes."""
    return layer.weight.shape[1]


def out_channels(layer: Dense) -> int:
    """The channels that it gives."""
    return layer.weight.shape[0]


def chosen_channels(taker: Dense, count: int) -> Tensor:
    """Which `count` channels the layers before `taker` have, as numbers of those that they had.

    The ones with the largest L1 norm of the weights that take them up, in their order (once-for-all, arXiv 1908.09791,
    section 3); where there are to be more than there were, all of them, and the largest again after them.
    """
    strengths = taker.weight.detach().abs().transpose(0, 1).flatten(1).sum(dim=1)
    ranked = strengths.argsort(descending=True, stable=True)
    had = len(ranked)
    if count <= had:
        return ranked[:count].sort().values
    again = ranked.repeat(count // had)[: count - had]
    return torch.cat([torch.arange(had, device=ranked.device), again])


def giving(layer: Dense, chosen: Tensor) -> Dense:
    """The layer that gives the chosen channels alone."""
    return _with_weight(layer, layer.weight.detach()[chosen], None if layer.bias is None else layer.bias[chosen])


def taking(layer: Dense, chosen: Tensor) -> Dense:
    """The layer that takes the chosen channels; what is there again counts nothing at first."""
    weight = layer.weight.detach()[:, chosen].clone()
    weight[:, in_channels(layer) :] = 0
    return _with_weight(layer, weight, layer.bias)


def carrying(module: nn.Module, chosen: Tensor) -> nn.Module:
    """A depthwise convolution, or a leaf that `is_per_channel`, with the chosen channels alone."""
    if isinstance(module, nn.Conv2d):
        bias = None if module.bias is None else module.bias[chosen]
        return rebuilt(module, module.weight.detach()[chosen], bias, groups=len(chosen))
    carried = copy.deepcopy(module)
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        if value.dim() and len(value) > 1:
            kept = value.detach()[chosen].clone()
            is_parameter = isinstance(value, nn.Parameter)
            setattr(carried, name, nn.Parameter(kept, requires_grad=value.requires_grad) if is_parameter else kept)
    for name in ("num_features", "num_parameters"):
        if getattr(module, name, 1) > 1:
            setattr(carried, name, len(chosen))
    return carried


def _with_weight(layer: Dense, weight: Tensor, bias: Tensor | None) -> Dense:
    if isinstance(layer, nn.Conv2d):
        return rebuilt(layer, weight, bias)
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    made.weight = nn.Parameter(weight.clone(), requires_grad=layer.weight.requires_grad)
    if bias is not None:
        made.bias = nn.Parameter(bias.detach().clone(), requires_grad=layer.bias.requires_grad)
    return made.train(layer.training)
