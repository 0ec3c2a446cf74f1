"""Inputs and their targets, batch by batch, and the score of a net's outputs for them."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from torch import Tensor


class Batches(Protocol):
    """Inputs and targets, the same in each iteration: a list, or a data loader.

    Images are (N, C, H, W) with labels (N,). A search takes any form that its network, loss and score take.

    With several processes, each has its own part of every batch.
    """

    def __iter__(self) -> Iterator[tuple[Any, Any]]: ...

    def __len__(self) -> int: ...


Score = Callable[[Any, Any], Tensor | float]
"""Scores a net's outputs against their targets: one number, the mean over the batch; higher is better."""
