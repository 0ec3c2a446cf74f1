"""How work is recorded, to be done again without Python."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import torch
from attrs import frozen

Work = Callable[[], object]
"""Something that reads and writes tensors which stay where they are."""

# The first run of a kernel may choose among several; what it chooses is what is recorded.
_REHEARSALS = 2

BROKEN: list[torch.cuda.CUDAGraph] = []
"""Graphs whose capture broke, for good: PyTorch goes on asking them which memory is their own, and another graph that
came to stand at the place of one would answer for it, and get memory that is in use."""


class NotRecordableError(RuntimeError):
    """Work that cannot be recorded, such as what waits for its own results."""


@contextmanager
def told_as_not_recordable(*kinds: type[Exception]) -> Iterator[None]:
    """Errors of these kinds become a NotRecordableError: the work is run then, and tells them, or does not.

    Raises:
        NotRecordableError: where the `with` block raises one of them.
        torch.OutOfMemoryError: as the block does. To run the work would take as much.
    """
    try:
        yield
    except (NotRecordableError, torch.OutOfMemoryError):
        raise
    except kinds as error:
        raise NotRecordableError(str(error)) from error


class Tape(Protocol):
    """Records work."""

    def pool(self) -> Any:
        """A new memory, for what recordings allocate that are never in use at the same time."""

    def rehearse(self, work: Work) -> None:
        """Does the work, where `record` will, as often as it takes until it does the same every time.

        Raises:
            RuntimeError: for work that cannot be recorded, where that shows already.
        """

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
        """Does the work on the stream of all recordings, after and before everything else.

        Raises:
            RuntimeError: for work that waits for the GPU: to record it would break what is recorded.
        """
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        try:
            with torch.cuda.stream(self._stream):
                for _ in range(_REHEARSALS - 1):
                    work()
                with _waits_refused():
                    work()
        finally:
            current.wait_stream(self._stream)

    def record(self, work: Work, pool: Any) -> Work:
        """Records a graph; nothing is computed."""
        return self._recorded(work, pool.handle).replay

    def _recorded(self, work: Work, handle: Any) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(self._device)
        with torch.cuda.stream(self._stream), told_as_not_recordable(RuntimeError):
            # Other threads, such as those that load images, may allocate meanwhile.
            graph.capture_begin(pool=handle, capture_error_mode="thread_local")
            with _ending(graph):
                work()
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


@contextmanager
def _ending(graph: torch.cuda.CUDAGraph) -> Iterator[None]:
    """Ends a capture with the `with` block, of which an error is told rather than what that makes of the capture."""
    try:
        yield
    except BaseException:
        with suppress(RuntimeError):
            _end(graph)
        raise
    _end(graph)


def _end(graph: torch.cuda.CUDAGraph) -> None:
    try:
        graph.capture_end()
    except RuntimeError:
        BROKEN.append(graph)
        raise


@contextmanager
def _waits_refused() -> Iterator[None]:
    """Inside the `with` block what waits for a GPU raises PyTorch's RuntimeError instead."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)
