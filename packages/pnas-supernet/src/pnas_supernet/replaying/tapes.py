"""How work is recorded, to be done again without Python."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from attrs import frozen

Work = Callable[[], object]
"""Something that reads and writes tensors which stay where they are."""


class NotRecordableError(RuntimeError):
    """Work that cannot be recorded, such as what waits for its own results."""


class Tape(Protocol):
    """Records work."""

    def pool(self) -> Any:
        """A new memory, for what recordings allocate that are never in use at the same time."""

    def rehearse(self, work: Work) -> None:
        """Does the work, where `record` will."""

    def record(self, work: Work, pool: Any) -> Work:
        """What does the work again.

        Raises:
            NotRecordableError: for work that cannot be recorded.
        """


class GraphTape:
    """Records CUDA graphs.

    Args:
        device: a CUDA GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def pool(self) -> Any:
        """A memory pool of its own."""
        handle = torch.cuda.graph_pool_handle()
        return _GraphPool(handle, self._recorded(lambda: torch.zeros(1, device=self._device), handle))

    def rehearse(self, work: Work) -> None:
        """Does the work on the stream of all recordings, after and before everything else."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            work()
        current.wait_stream(self._stream)

    def record(self, work: Work, pool: Any) -> Work:
        """Records a graph; nothing is computed."""
        return self._recorded(work, pool.handle).replay

    def _recorded(self, work: Work, handle: Any) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(self._device)
        with torch.cuda.stream(self._stream):
            # Other threads, such as those that load images, may allocate meanwhile.
            graph.capture_begin(pool=handle, capture_error_mode="thread_local")
            try:
                work()
            except BaseException as error:
                _abandon(graph)
                if isinstance(error, RuntimeError):
                    raise NotRecordableError(str(error)) from error
                raise
            graph.capture_end()
        return graph


@frozen(eq=False)
class _GraphPool:
    """Memory of graphs, which lives as long as this does: PyTorch ends a pool with its last graph, for good."""

    handle: Any
    keeper: torch.cuda.CUDAGraph


class Rehearsal:
    """Does the work again as it is: what a CPU has instead of graphs, and equal to them in all but launches."""

    def pool(self) -> None:
        """Nothing: what is done again allocates again."""

    def rehearse(self, work: Work) -> None:
        """Does the work."""
        work()

    def record(self, work: Work, pool: Any) -> Work:
        """The work itself."""
        return work


def _abandon(graph: torch.cuda.CUDAGraph) -> None:
    try:
        graph.capture_end()
    except RuntimeError:  # what broke the capture is told instead
        return
