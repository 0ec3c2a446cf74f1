"""Whether two scores rank things alike."""

from collections.abc import Sequence

import torch
from torch import Tensor


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation: 1 for the same order, -1 for the reverse; equal numbers share their mean rank.

    Args:
        first, second: of equal length.

    Returns:
        The correlation; None if all numbers of `first`, or all of `second`, are equal.

    Raises:
        ValueError: for different lengths.
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
