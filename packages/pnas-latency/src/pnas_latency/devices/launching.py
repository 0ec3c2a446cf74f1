"""How a module runs on a device: operator by operator, compiled, or as a CUDA graph."""

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Literal

import torch
from torch import Tensor, nn

TorchMode = Literal["eager", "graph", "compile"]
"""How PyTorch runs what is timed."""

Launch = Callable[[], object]
"""Runs a module on its inputs once. On a GPU it returns before that is done."""

_WARM_UPS = 3
"""Runs before a capture, so that cuDNN and cuBLAS choose their kernels and allocate their workspaces."""


def eager(module: nn.Module, inputs: Sequence[Tensor]) -> Launch:
    """Operator by operator, as Python launches them."""
    return lambda: module(*inputs)


def compiled(module: nn.Module, inputs: Sequence[Tensor]) -> Launch:
    """Compiled by `torch.compile` when this is called, which takes seconds."""

    def call(*tensors: Tensor) -> object:
        return module(*tensors)

    # Dynamo caches compilations by the function's code, checks all of them at each call, and silently runs a ninth
    # module of the same code eagerly. So each module has code of its own.
    code = call.__code__.replace(co_name=f"call_{id(module)}")
    run = torch.compile(FunctionType(code, call.__globals__, closure=call.__closure__), dynamic=False)
    run(*inputs)
    return lambda: run(*inputs)


class Graphs:
    """Makes CUDA graphs, each launched by a single call.

    All share one memory pool, so they overwrite one another's results. That is fine where they run one after the other
    and nothing reads the results.

    Args:
        device: a GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        # A pool's memory is reused only by captures on the same stream.
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def __call__(self, module: nn.Module, inputs: Sequence[Tensor]) -> Launch:
        """Captured now; the graph reads the memory of `inputs` at each launch."""
        others = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(others)
        graph = torch.cuda.CUDAGraph()
        # PyTorch's `graph` leaves its stream set where a capture fails; this block resets it.
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UPS):
                module(*inputs)
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                module(*inputs)
        others.wait_stream(self._stream)
        return graph.replay
