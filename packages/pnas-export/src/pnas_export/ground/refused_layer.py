"""Finding the layer that a converter refuses, or gets wrong."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pnas_export.ground.conversion import ConversionError

Convert = Callable[[nn.Module, Sequence[Tensor]], object]
"""Tries a module on its inputs; raises ConversionError if it is refused."""


def name_refused_layer(
    module: nn.Module, examples: Sequence[Tensor], convert: Convert, error: ConversionError
) -> ConversionError:
    """The error, naming the smallest layer of the module that `convert` refuses by itself, if there is one.

    Args:
        module: the refused module, in evaluation mode.
        examples: its inputs.
        convert: tries a module on its inputs; raises ConversionError if it is refused.
        error: of the whole module.
    """
    reasons = [error.reason]

    def refused(part: nn.Module, inputs: Sequence[Tensor]) -> bool:
        try:
            convert(part, inputs)
        except ConversionError as failure:
            reasons.append(failure.reason)
            return True
        return False

    name, layer = find_layer(module, examples, refused)
    if not name:
        return error
    named = ConversionError(error.converted, reasons[-1], name, type(layer).__name__)
    for note in getattr(error, "__notes__", ()):
        named.add_note(note)
    return named


def find_layer(
    module: nn.Module, examples: Sequence[Tensor], fails: Callable[[nn.Module, Sequence[Tensor]], bool]
) -> tuple[str, nn.Module]:
    """The smallest layer that fails by itself, on its inputs in the module; "" and the module itself if none does.

    Args:
        module: a module that is known to fail, in evaluation mode.
        examples: its inputs.
        fails: tries a layer on its inputs.
    """
    name, layer = "", module
    inputs = _inputs(module, examples)
    children = list(module.named_children())
    while children:
        child_name, child = children.pop(0)
        below = [(f"{child_name}.{name_below}", layer_below) for name_below, layer_below in child.named_children()]
        if child not in inputs:
            # For example a list of layers, which is never called itself.
            children = below + children
        elif fails(child, inputs[child]):
            name, layer = child_name, child
            children = below
    return name, layer


def _inputs(module: nn.Module, examples: Sequence[Tensor]) -> dict[nn.Module, tuple[Tensor, ...]]:
    """The inputs of every layer that takes only tensors."""
    inputs: dict[nn.Module, tuple[Tensor, ...]] = {}

    def keep(layer: nn.Module, given: tuple[Any, ...], options: dict[str, Any]) -> None:
        if not options and all(isinstance(value, Tensor) for value in given):
            inputs.setdefault(layer, given)

    hooks = [layer.register_forward_pre_hook(keep, with_kwargs=True) for layer in module.modules()]
    try:
        with torch.no_grad():
            module(*examples)
    finally:
        for hook in hooks:
            hook.remove()
    return inputs
