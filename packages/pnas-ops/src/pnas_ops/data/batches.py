"""Inputs and their targets, batch by batch, and how good what a net makes of them is."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from torch import Tensor


class Batches(Protocol):
    """Inputs and targets, the same ones each time one goes through them: a list, or a data loader.

    Images are (N, C, H, W) with labels (N,). A search takes any form that its network, loss and score take.

    With several processes, each has its own part of every batch.
    """

    def __iter__(self) -> Iterator[tuple[Any, Any]]: ...

    def __len__(self) -> int: ...


Score = Callable[[Any, Any], Tensor | float]
"""How good a net's outputs are for their targets: one number, the higher the better, the mean over the batch."""
