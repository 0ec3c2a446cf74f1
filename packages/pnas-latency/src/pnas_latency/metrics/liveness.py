"""How many values a module holds at once."""

import operator
from typing import Any

import torch
from torch import Tensor, fx, nn

_KEEP_SHAPE = (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.Identity)
_IN_PLACE_MODULES = (*_KEEP_SHAPE, nn.Flatten)
_IN_PLACE_FUNCTIONS = (operator.add, operator.mul)


def peak_values(module: nn.Module, input_shape: tuple[int, ...]) -> int:
    """The largest number of values that are live at once while `module` computes, its input and output among them.

    A value is live from the operation that computes it to the last that reads it. An operation that may work in place
    (BatchNorm, an activation, a sum, a product) writes over an operand of its output's size that nobody reads later.

    Args:
        module: in evaluation mode, on the meta device, of a kind that `torch.fx` can trace.
        input_shape: of its one input.
    """
    traced = fx.symbolic_trace(module)
    computed = _Sizes(traced)
    computed.run(torch.empty(input_shape, device="meta"))
    sizes = computed.sizes
    step = {node: index for index, node in enumerate(sizes)}
    # What no operation reads is the output.
    last_read = {node: max((step.get(user, len(step)) for user in node.users), default=len(step)) for node in sizes}
    peak = 0
    live: dict[fx.Node, int] = {}
    for node, size in sizes.items():
        dying = [operand for operand in node.all_input_nodes if last_read[operand] == step[node]]
        reuses = _works_in_place(node, traced) and any(live[operand] == size for operand in dying)
        peak = max(peak, sum(live.values()) + (0 if reuses else size))
        live[node] = size
        for operand in dying:
            del live[operand]
    return peak


class _Sizes(fx.Interpreter):
    """Notes the number of values that each operation returns, in the order of the operations."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.sizes: dict[fx.Node, int] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.op != "output" and isinstance(result, Tensor):
            self.sizes[n] = result.numel()
        return result

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # On the meta device these are slow, and only the shape is asked for.
        if isinstance(self.fetch_attr(target), _KEEP_SHAPE):
            return args[0]
        return super().call_module(target, args, kwargs)


def _works_in_place(node: fx.Node, traced: fx.GraphModule) -> bool:
    if node.op == "call_module":
        return isinstance(traced.get_submodule(str(node.target)), _IN_PLACE_MODULES)
    return node.target in _IN_PLACE_FUNCTIONS
