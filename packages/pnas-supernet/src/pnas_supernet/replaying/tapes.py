"""How work is recorded, to be replayed without Python."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import torch
from attrs import frozen

Work = Callable[[], object]
"""A function that reads and writes tensors at fixed addresses."""

# The first run of a kernel may choose among several; the choice is what is recorded.
_REHEARSALS = 2

BROKEN: list[torch.cuda.CUDAGraph] = []
"""Graphs whose capture failed, kept for good: PyTorch goes on asking them which memory is theirs. A new graph at the
same address would answer instead, and get memory that is in use."""


class NotRecordableError(RuntimeError):
    """Work that cannot be recorded, such as what waits for its own results."""


@contextmanager
def told_as_not_recordable(*kinds: type[Exception]) -> Iterator[None]:
    """Errors of these kinds become a NotRecordableError: the work is then run, and raises them itself if they remain.

    Raises:
        NotRecordableError: if the `with` block raises one of them.
        torch.OutOfMemoryError: if the block does, since running the work would need as much memory.
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
        """A new memory pool, for recordings that are never in use at the same time."""

    def rehearse(self, work: Work) -> None:
        """Does the work, as `record` will, as often as needed until it does the same every time.

        Raises:
            RuntimeError: for work that cannot be recorded, if that shows already.
        """

    def record(self, work: Work, pool: Any) -> Work:
        """A function that replays the work.

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
            RuntimeError: for work that waits for the GPU, which would break a recording.
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
            # Other threads, such as those that load images, may allocate at the same time.
            graph.capture_begin(pool=handle, capture_error_mode="thread_local")
            with _ending(graph):
                work()
        return graph


@frozen(eq=False)
class _GraphPool:
    """Keeps a memory pool of graphs alive: PyTorch drops a pool with its last graph, for good."""

    handle: Any
    keeper: torch.cuda.CUDAGraph


class Rehearsal:
    """Simply repeats the work: the equivalent of graphs on a CPU."""

    def pool(self) -> None:
        """Nothing: repeated work allocates again."""

    def rehearse(self, work: Work) -> None:
        """Does the work."""
        work()

    def record(self, work: Work, pool: Any) -> Work:
        """The work itself."""
        return work


@contextmanager
def _ending(graph: torch.cuda.CUDAGraph) -> Iterator[None]:
    """Ends a capture with the `with` block; raises an error of the block rather than the failure of the capture."""
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
    """In the `with` block, waiting for a GPU raises PyTorch's RuntimeError."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)
