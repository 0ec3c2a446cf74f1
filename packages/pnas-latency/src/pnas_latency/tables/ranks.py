"""Whether two numbers put things in the same order."""

from collections.abc import Sequence


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's: 1 where both are in the same order, -1 where one is in the reverse; equal ones share their mean rank.

    Args:
        first, second: equally many.

    Returns:
        None where all of the one, or of the other, are equal.
    """
    if len(set(first)) == 1 or len(set(second)) == 1:
        return None
    # Half a second, which only those who ask for it shall pay.
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)
