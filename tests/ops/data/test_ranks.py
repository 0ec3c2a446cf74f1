"""Rank correlation, against scipy's."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from pnas_ops import rank_correlation

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.floats(-1e6, 1e6)), min_size=2, max_size=12)


@given(PAIRS)
@example([(1, 2.0), (1, 3.0)])
@example([(1, 2.0), (2, 2.0)])
def test_is_scipys(pairs: list[tuple[int, float]]) -> None:
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    found = rank_correlation(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)


def test_refuses_more_of_the_one() -> None:
    with pytest.raises(ValueError, match="equally many numbers, got 2 and 1"):
        rank_correlation([1.0, 2.0], [1.0])
