"""Images and their labels, batch by batch."""

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor


class Batches(Protocol):
    """Inputs (N, C, H, W) and labels (N,), the same ones each time one goes through them: a list, or a data loader.

    With several processes, each has its own part of every batch.
    """

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...

    def __len__(self) -> int: ...
