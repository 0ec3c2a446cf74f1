"""Whether two numbers put things in the same order."""

from collections.abc import Sequence

import torch
from torch import Tensor


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's: 1 where both are in the same order, -1 where one is in the reverse; equal ones share their mean rank.

    Args:
        first, second: equally many.

    Returns:
        None where all of the one, or of the other, are equal.

    Raises:
        ValueError: for more of the one than of the other.
    """
    if len(first) != len(second):
        raise ValueError(f"needs equally many numbers, got {len(first)} and {len(second)}")
    if len(set(first)) <= 1 or len(set(second)) <= 1:
        return None
    return float(torch.corrcoef(torch.stack([_ranks(first), _ranks(second)]))[0, 1])


def _ranks(values: Sequence[float]) -> Tensor:
    numbers = torch.tensor(values, dtype=torch.float64)
    below = torch.searchsorted(numbers.sort().values, numbers)
    not_above = torch.searchsorted(numbers.sort().values, numbers, right=True)
    return (below + not_above + 1).double() / 2
