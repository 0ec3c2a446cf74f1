"""From a block to the operators of its file, as a converter writes them."""

import operator
from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

import torch
from torch import Tensor, fx, nn

from pnas_latency.metrics.operators import Constant, Operator, index
from pnas_ops import RuntimeRules

Shape = tuple[int, ...]
# None is the block's input.
Result = Operator | None

_KEEP_SHAPE = (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.SiLU, nn.Sigmoid, nn.Identity)
_RESIZING = {"nearest": "RESIZE_NEAREST_NEIGHBOR", "bilinear": "RESIZE_BILINEAR"}
_CHANNELS_FIRST, _CHANNELS_LAST = index(0, 3, 1, 2), index(0, 2, 3, 1)


def file_operators(module: nn.Module, input_shape: Shape, rules: RuntimeRules) -> tuple[Operator, ...]:
    """The operators that a block becomes, in the order in which they run; the last one's result is the block's.

    BatchNorm is part of the convolution before it. A block that returns its input has no operators.

    Args:
        module: in evaluation mode, on the meta device, of a kind that `torch.fx` can trace.
        input_shape: (1, C, H, W) of its one input.
        rules: of the runtime that the file is for.

    Raises:
        TypeError: for a module or function with no known operator.
    """
    traced = fx.symbolic_trace(module)
    return tuple(_Writer(traced, _Shapes(traced).of(input_shape), rules).write())


class _Shapes(fx.Interpreter):
    """Notes the shape of what each node returns."""

    def of(self, input_shape: Shape) -> dict[fx.Node, Shape]:
        self.shapes: dict[fx.Node, Shape] = {}
        self.run(torch.empty(input_shape, device="meta"))
        return self.shapes

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.shapes[n] = tuple(result.shape)
        return result

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # These are slow on the meta device, and only the shape is needed.
        if isinstance(self.fetch_attr(target), _KEEP_SHAPE):
            return args[0]
        return super().call_module(target, args, kwargs)


class _Writer:
    """Writes the operators of each node in turn."""

    def __init__(self, traced: fx.GraphModule, shapes: dict[fx.Node, Shape], rules: RuntimeRules) -> None:
        self._traced, self._shapes, self._rules = traced, shapes, rules
        self._results: dict[fx.Node, Result] = {}
        self._written: list[Operator] = []

    def write(self) -> list[Operator]:
        for node in self._traced.graph.nodes:
            if node.op == "placeholder":
                self._results[node] = None
            elif node.op == "call_module":
                self._results[node] = self._of_module(node, self._traced.get_submodule(str(node.target)))
            elif node.op == "call_function":
                self._results[node] = self._of_function(node)
            elif node.op != "output":  # methods and parameters, which only users' own modules have
                raise TypeError(f"no operator of a file is known of {node.target}")
        return self._written

    def _of_module(self, node: fx.Node, part: nn.Module) -> Result:
        before, shape = self._results[node.all_input_nodes[0]], self._shapes[node]
        match part:
            case nn.Conv2d():
                return self._convolution(node, part, before)
            case nn.Linear():
                constants = (Constant("weight", part.weight.numel()), Constant("bias", part.out_features))
                return self._add("FULLY_CONNECTED", [before], shape, constants, channels=part.out_features)
            case nn.BatchNorm2d():
                return before if self._joins_convolution(node) else self._norm(node, before, shape)
            case nn.ReLU() | nn.ReLU6():
                return self._relu(node, part, before)
            case nn.Hardswish():
                return self._add("HARD_SWISH", [before], shape)
            case nn.Sigmoid():
                return self._add("LOGISTIC", [before], shape)
            case nn.SiLU():
                return self._add("MUL", [before, self._add("LOGISTIC", [before], shape)], shape)
            case nn.Upsample():
                return self._add(_RESIZING[part.mode], [before], shape, [index(*shape[2:])])
            case nn.Hardsigmoid():
                # relu6(x + 3) / 6, of which all but the division joins the convolution.
                return self._add("MUL", [before], shape, [Constant("value", 1, "1/6")])
            case nn.AdaptiveAvgPool2d():
                return self._add("MEAN", [before], shape, [index(2, 1)])
            case nn.MaxPool2d():
                padded = self._padded(node, before, _pair(part.kernel_size), _pair(part.padding), _pair(part.stride))
                return self._add("MAX_POOL_2D", [padded], shape)
            case nn.AvgPool2d():
                return self._average_pool(node, part, before)
            case nn.ChannelShuffle() if part.groups < shape[1]:
                return self._shuffle(before, shape, part.groups)
            # A shuffle of groups of one channel changes nothing.
            case nn.Flatten() | nn.Identity() | nn.Dropout() | nn.ChannelShuffle():
                return before
        raise TypeError(f"no operator of a file is known of {type(part).__name__}")

    def _of_function(self, node: fx.Node) -> Result:
        reads, shape = [self._results.get(source) for source in node.all_input_nodes], self._shapes[node]
        match node.target:
            case operator.add:
                return self._add("ADD", reads, shape)
            case operator.mul:
                return self._add("MUL", reads, shape)
            case operator.getitem if self._is_constant(node):
                return None
            case operator.getitem:
                return self._slice(node, reads[0])
            case torch.zeros_like:
                return None
            case torch.cat:
                zeros = [source for source in node.all_input_nodes if source.target is torch.zeros_like]
                kept = [self._results[source] for source in node.all_input_nodes if source not in zeros]
                fillings = [Constant("value", prod(self._shapes[one]), f"zeros {self._shapes[one]}") for one in zeros]
                return self._add("CONCATENATION", kept, shape, fillings)
        raise TypeError(f"no operator of a file is known of {node.target}")

    def _relu(self, node: fx.Node, part: nn.Module, before: Result) -> Result:
        """Part of the operator before it, where nothing else reads that; several equal ones become one."""
        source = node.all_input_nodes[0]
        while isinstance(self._part(source), nn.Identity):
            source = source.all_input_nodes[0]
        readers = [*self._readers(source)]
        alike = [reader for reader in readers if type(self._part(reader)) is type(part)]
        for other in alike:
            if other in self._results:
                return self._results[other]
        if before and before.name != "CONCATENATION" and self._rules.fuses_relu and len(alike) == len(readers):
            # The converter writes both where the activation was.
            self._written.remove(before)
            self._written.append(before)
            return before
        return self._add("RELU", [before], self._shapes[node])

    def _readers(self, source: fx.Node) -> Iterator[fx.Node]:
        """What reads a result, directly or by an identity."""
        for user in source.users:
            if isinstance(self._part(user), nn.Identity):
                yield from self._readers(user)
            else:
                yield user

    def _convolution(self, node: fx.Node, part: nn.Conv2d, before: Result) -> Operator:
        kernel = tuple((size - 1) * spread + 1 for size, spread in zip(part.kernel_size, part.dilation, strict=True))
        assert isinstance(part.padding, tuple)
        padded = self._padded(node, before, kernel, part.padding, part.stride)
        has_bias = part.bias is not None or any(
            isinstance(self._part(user), nn.BatchNorm2d) and self._joins_convolution(user) for user in node.users
        )
        bias = Constant("bias", part.out_channels, None if has_bias else f"{part.out_channels} zeros")
        name = "DEPTHWISE_CONV_2D" if part.groups == part.in_channels else "CONV_2D"
        constants = (Constant("weight", part.weight.numel()), bias)
        return self._add(name, [padded], self._shapes[node], constants, channels=part.out_channels)

    def _padded(self, node: fx.Node, before: Result, kernel: Shape, padding: Shape, stride: Shape) -> Result:
        """What a window slides over: a padded copy, where the padding is not the runtime's own."""
        sizes = self._shapes[node.all_input_nodes[0]]
        if not self._rules.pads_explicitly or _is_own_padding(sizes[2:], kernel, padding, stride):
            return before
        shape = (*sizes[:2], *(size + 2 * pad for size, pad in zip(sizes[2:], padding, strict=True)))
        height, width = padding
        ends = index(0, 0, height, height, width, width, 0, 0)
        if isinstance(self._part(node), nn.MaxPool2d):
            return self._add("PADV2", [before], shape, [ends, Constant("value", 1, "least")])
        return self._add("PAD", [before], shape, [ends])

    def _average_pool(self, node: fx.Node, part: nn.AvgPool2d, before: Result) -> Operator:
        """An incomplete last window is padded, and its mean corrected."""
        *_, height, width = self._shapes[node.all_input_nodes[0]]
        rows, columns = (-size % stride for size, stride in zip((height, width), _pair(part.stride), strict=True))
        shape = self._shapes[node]
        if not part.ceil_mode or not (rows or columns):
            return self._add("AVERAGE_POOL_2D", [before], shape)
        filled = (*self._shapes[node.all_input_nodes[0]][:2], height + rows, width + columns)
        before = self._add("PAD", [before], filled, [index(0, 0, 0, rows, 0, columns, 0, 0)])
        before = self._add("AVERAGE_POOL_2D", [before], shape)
        return self._add("MUL", [before], shape, [Constant("value", prod(shape[2:]), f"shares {shape}")])

    def _slice(self, node: fx.Node, before: Result) -> Result:
        """Some of the channels, or of the pixels: an operator for each axis that is cut."""
        parts: Any = node.args[1]
        shape = [*self._shapes[node.all_input_nodes[0]]]
        for axis, part in enumerate(parts):
            if self._shapes[node][axis] == shape[axis]:
                continue
            shape[axis] = self._shapes[node][axis]
            begin = [0, 0, 0, 0]
            begin[axis] = part.start or 0
            constants = [index(*(sizes[place] for place in (0, 2, 3, 1))) for sizes in (begin, shape)]
            before = self._add("SLICE", [before], tuple(shape), constants)
        return before

    def _norm(self, node: fx.Node, before: Result, shape: Shape) -> Operator:
        """(x - mean) * (1 / deviation) * weight + bias; before a mean of all pixels one product and one sum."""
        pooled = any(isinstance(self._part(after), nn.AdaptiveAvgPool2d) for user in node.users for after in user.users)
        *first, last = ("MUL", "ADD") if pooled else ("SUB", "MUL", "MUL", "ADD")
        for name in first:
            before = self._add(name, [before], shape, [Constant("value", shape[1])])
        return self._add(last, [before], shape, [Constant("value", shape[1])])

    def _shuffle(self, before: Result, shape: Shape, groups: int) -> Operator:
        _, channels, height, width = shape
        apart = (1, groups, channels // groups, height, width)
        before = self._add("TRANSPOSE", [before], shape, [_CHANNELS_FIRST])
        before = self._add("RESHAPE", [before], shape, [index(*apart)])
        before = self._add("TRANSPOSE", [before], shape, [index(0, 2, 1, 3, 4)])
        before = self._add("RESHAPE", [before], shape, [index(*shape)])
        return self._add("TRANSPOSE", [before], shape, [_CHANNELS_LAST])

    def _add(
        self, name: str, reads: Iterable[Result], shape: Shape, constants: Iterable[Constant] = (), *, channels: int = 0
    ) -> Operator:
        written = Operator(name, tuple(reads), prod(shape), tuple(constants), channels)
        self._written.append(written)
        return written

    def _joins_convolution(self, norm: fx.Node) -> bool:
        """Whether BatchNorm is all that reads the result of a convolution."""
        (source,) = norm.all_input_nodes
        return isinstance(self._part(source), nn.Conv2d) and len(source.users) == 1

    def _part(self, node: fx.Node) -> nn.Module | None:
        return self._traced.get_submodule(str(node.target)) if node.op == "call_module" else None

    def _is_constant(self, node: fx.Node) -> bool:
        """Whether only the shape of the result is read."""
        return all(user.target is torch.zeros_like for user in node.users)


def _is_own_padding(sizes: Shape, kernel: Shape, padding: Shape, stride: Shape) -> bool:
    """Whether the padding is just what is needed, half of it at each end (runtimes call it "same"), or none at all."""
    outputs = [(size + 2 * pad - k) // s + 1 for size, k, pad, s in zip(sizes, kernel, padding, stride, strict=True)]
    needed = [(out - 1) * s + k - size for out, s, k, size in zip(outputs, stride, kernel, sizes, strict=True)]
    return not any(padding) or all(need == 2 * pad for need, pad in zip(needed, padding, strict=True))


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
