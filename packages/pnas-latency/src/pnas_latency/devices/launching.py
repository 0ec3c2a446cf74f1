"""How a module runs on a device: operator by operator, compiled, or as a CUDA graph."""

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Literal

import torch
from torch import Tensor, nn

TorchMode = Literal["eager", "graph", "compile"]
"""How PyTorch runs what is timed."""

Launch = Callable[[], object]
"""Computes a module of its inputs once. On a GPU it returns before that is done."""

_WARM_UPS = 3
"""Runs before a capture, in which cuDNN and cuBLAS choose their kernels and make their workspaces."""


def eager(module: nn.Module, inputs: Sequence[Tensor]) -> Launch:
    """Operator by operator, as Python launches them."""
    return lambda: module(*inputs)


def compiled(module: nn.Module, inputs: Sequence[Tensor]) -> Launch:
    """Compiled by `torch.compile`, now, which takes seconds."""

    def call(*tensors: Tensor) -> object:
        return module(*tensors)

    # Dynamo keeps what it compiled by the code of the function, looks through all of it at each call, and runs a ninth
    # module of the same code eagerly without a word. So each has code of its own.
    code = call.__code__.replace(co_name=f"call_{id(module)}")
    run = torch.compile(FunctionType(code, call.__globals__, closure=call.__closure__), dynamic=False)
    run(*inputs)
    return lambda: run(*inputs)


class Graphs:
    """Makes CUDA graphs, each of which is launched at once.

    All share one pool of memory, so that they write over one another's results: right where they run one after the
    other, and nobody reads these.

    Args:
        device: a GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        # Memory of a pool goes from one capture to another of the same stream.
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def __call__(self, module: nn.Module, inputs: Sequence[Tensor]) -> Launch:
        """Captured now; the memory of `inputs` is what the graph reads at each launch."""
        others = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(others)
        graph = torch.cuda.CUDAGraph()
        # PyTorch's `graph` leaves its stream in place where a capture breaks; this block does not.
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UPS):
                module(*inputs)
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                module(*inputs)
        others.wait_stream(self._stream)
        return graph.replay
