"""A net that simulates its int8 file in float, so that its weights can adapt to quantization."""

import copy
from collections.abc import Callable
from functools import partial
from operator import getitem, is_not
from typing import Any

import torch
from torch import Tensor, fx, nn

from pnas_export.ground.first_line import first_line
from pnas_export.ground.inference_copy import unwrapped_copy
from pnas_export.ground.trial import check_input
from pnas_export.quantizing.fake_steps import FakeSteps, fold_batch_norm, round_weight

# Names of PyTorch's operators, without the underscore of those that work in place.
_WEIGHTED = {"conv1d", "conv2d", "linear"}
_FUSED = {"relu", "relu6", "hardtanh"}
"""Activations that a file fuses into an operator, before its output is rounded."""
_MOVING = {
    *("view", "reshape", "flatten", "permute", "transpose", "squeeze", "unsqueeze", "slice", "select", "expand"),
    *(
        "contiguous",
        "clone",
        "alias",
        "detach",
        "dropout",
        "feature_dropout",
        "cat",
        "concat",
        "stack",
        "chunk",
        "split",
    ),
    *("pad", "constant_pad_nd", "max_pool2d", "channel_shuffle", "pixel_shuffle", "getitem"),
}
"""Operators that only move values that are rounded already."""


class FakeQuantized(nn.Module):
    """A copy of a net with fake quantization (arXiv 1712.05877): it rounds as the net's int8 TFLite file will.

    BatchNorm is folded into the convolution before it, with its present statistics, which no longer change. Weights are
    rounded to -127 to 127 with one scale per output channel. The result of every operator, including a fused
    activation, is rounded to -128 to 127 between its smallest and largest value. These ranges follow the batches in
    training mode, and are fixed otherwise. Gradients pass the rounding unchanged ("straight through"). Train it like
    any net, a few epochs with a small learning rate, then export `trained`.

    Args:
        network: any net that `torch.export` takes with batches of any size; not changed. `DataParallel` and
            `torch.compile` around or inside it are removed.
        calibration: preprocessed images (N, C, H, W) of the training split, on any device, for the initial ranges.

    Raises:
        NetError: for a net that cannot be copied, and images that it does not take.
        ValueError: if `torch.export` does not take the net.
    """

    def __init__(self, network: nn.Module, calibration: Tensor) -> None:
        super().__init__()
        self._trained = unwrapped_copy(network).eval()
        device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
        batches = torch.split(calibration.to(device), 64)
        check_input(self._trained, batches[0][:2])
        self._graph = _exported(self._trained, batches[0][:2])
        weighted = _fold_batch_norms(self._graph.graph)
        steps = _add_steps(self._graph)
        self._graph.to(device)
        with torch.no_grad():
            for batch in batches:
                self._graph(batch)
        for step in steps:
            step.rounds = True
        # Only now, since the ranges of a file are those of its float32 original.
        _round_weights(self._graph, weighted)

    def forward(self, images: Tensor) -> Any:
        """The net's rounded output for preprocessed images (N, C, H, W): logits (N, classes), or anything else."""
        return self._graph(images)

    @property
    def trained(self) -> nn.Module:
        """The net itself, in evaluation mode, with the trained weights: the one to export."""
        return copy.deepcopy(self._trained).eval()


def _exported(network: nn.Module, images: Tensor) -> fx.GraphModule:
    """The operators of a net in evaluation mode; its parameters are those of the net."""
    try:
        batch = torch.export.Dim("batch")
        program = torch.export.export(network, (images,), dynamic_shapes=({0: batch},), strict=False)
    except Exception as error:  # torch.export raises many kinds
        raise ValueError(f"torch.export does not take the net with batches of any size: {first_line(error)}") from error
    unlifted = program.module()
    assert isinstance(unlifted, fx.GraphModule)
    for node in unlifted.graph.nodes:
        if node.op == "call_module":  # checks of the input's shape
            unlifted.graph.erase_node(node)
    # A module of torch.export's own kind has no training mode.
    return fx.GraphModule(unlifted, unlifted.graph)


def _fold_batch_norms(graph: fx.Graph) -> list[fx.Node]:
    """Folds BatchNorm into the convolution before it; returns all nodes that have weights."""
    weighted = [node for node in graph.nodes if node.op == "call_function" and _name(node) in _WEIGHTED]
    for node in weighted:
        norm = _only_user(node)
        if norm is None or not _has_statistics(norm) or not _has_channels_where_batch_norm_has(node):
            continue
        values, weight, bias, *rest = [*node.args, None][: max(3, len(node.args))]
        with graph.inserting_before(node):
            folded = graph.call_function(fold_batch_norm, (weight, bias, *norm.args[1:5], norm.args[7]))
            node.args = (values, *(graph.call_function(getitem, (folded, index)) for index in (0, 1)), *rest)
        norm.replace_all_uses_with(node)
        graph.erase_node(norm)
    return weighted


def _add_steps(module: fx.GraphModule) -> list[FakeSteps]:
    """Puts `FakeSteps` after the input and each operator, unless a fused activation follows."""
    graph = module.graph
    added: list[FakeSteps] = []
    for node in list(graph.nodes):
        if node.op == "call_function":
            follower = _only_user(node)
            fused = follower is not None and _name(follower) in _FUSED and _name(node) not in _FUSED
            if fused or not _is_float(node) or _name(node) in _MOVING:
                continue
        elif node.op != "placeholder":
            continue
        name = f"steps_{len(added)}"
        added.append(FakeSteps())
        module.add_submodule(name, added[-1])
        with graph.inserting_after(node):
            steps = graph.call_module(name, (node,))
        node.replace_all_uses_with(steps, delete_user_cb=partial(is_not, steps))
    module.recompile()
    return added


def _round_weights(module: fx.GraphModule, weighted: list[fx.Node]) -> None:
    for node in weighted:
        values, weight, *rest = node.args
        with module.graph.inserting_before(node):
            node.args = (values, module.graph.call_function(round_weight, (weight,)), *rest)
    module.recompile()


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _has_statistics(node: fx.Node) -> bool:
    """Whether it is a BatchNorm that does not take its statistics from each batch."""
    return _name(node) == "batch_norm" and not node.args[5]


def _has_channels_where_batch_norm_has(node: fx.Node) -> bool:
    """Whether the output channels are in the second dimension."""
    value = node.meta.get("val")
    return _name(node) != "linear" or (isinstance(value, Tensor) and value.ndim == 2)


def _is_float(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.is_floating_point()


def _name(node: fx.Node) -> str:
    packet: Callable[..., Any] | str = getattr(node.target, "overloadpacket", node.target)
    return getattr(packet, "__name__", str(packet)).rstrip("_")
