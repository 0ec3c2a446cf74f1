"""Layers with other numbers of channels: which channels are kept, and the resulting layers."""

import copy
from typing import TypeGuard

import torch
from torch import Tensor, nn

from pnas_supernet.spaces.kernels import is_plain_convolution, rebuilt

Dense = nn.Conv2d | nn.Linear
"""A layer where every output depends on every input channel: a convolution without groups, or a linear layer."""


def is_dense(module: nn.Module) -> TypeGuard[Dense]:
    """Whether it is PyTorch's own layer of this kind, without a parametrization."""
    if type(module) is nn.Linear:
        return {name for name, _ in module.named_parameters()} <= {"weight", "bias"}
    return is_plain_convolution(module) and module.groups == 1


def is_depthwise(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether it is a depthwise convolution, which keeps channels separate."""
    return is_plain_convolution(module) and 1 < module.groups == module.in_channels == module.out_channels


def holds_layers(module: nn.Module) -> bool:
    """Whether any of its parts has values of its own, unlike an activation."""
    return any([*child.parameters(), *child.buffers()] for child in module.children())


def is_per_channel(module: nn.Module, channels: int) -> bool:
    """Whether a layer has one value of each kind per channel, like BatchNorm and PReLU, or none at all."""
    values = [*module.parameters(), *module.buffers()]
    return not holds_layers(module) and all(tuple(value.shape) in ((channels,), (1,), ()) for value in values)


def in_channels(layer: Dense) -> int:
    """The channels that it takes."""
    return layer.weight.shape[1]


def out_channels(layer: Dense) -> int:
    """The channels that it gives."""
    return layer.weight.shape[0]


def chosen_channels(taker: Dense, count: int) -> Tensor:
    """The `count` channels to keep in the layers before `taker`, by their present indices.

    These are the channels with the largest L1 norm of `taker`'s weights for them, in order (once-for-all, arXiv
    1908.09791, section 3). If more channels are wanted than there are: all of them, then the largest once more.
    """
    strengths = taker.weight.detach().abs().transpose(0, 1).flatten(1).sum(dim=1)
    ranked = strengths.argsort(descending=True, stable=True)
    had = len(ranked)
    if count <= had:
        return ranked[:count].sort().values
    again = ranked.repeat(count // had)[: count - had]
    return torch.cat([torch.arange(had, device=ranked.device), again])


def giving(layer: Dense, chosen: Tensor) -> Dense:
    """The layer that outputs only the chosen channels."""
    return _with_weight(layer, layer.weight.detach()[chosen], None if layer.bias is None else layer.bias[chosen])


def taking(layer: Dense, chosen: Tensor) -> Dense:
    """The layer that takes the chosen channels; repeated ones have zero weights at first."""
    weight = layer.weight.detach()[:, chosen].clone()
    weight[:, in_channels(layer) :] = 0
    return _with_weight(layer, weight, layer.bias)


def carrying(module: nn.Module, chosen: Tensor) -> nn.Module:
    """A depthwise convolution, or a layer that `is_per_channel`, with only the chosen channels."""
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
