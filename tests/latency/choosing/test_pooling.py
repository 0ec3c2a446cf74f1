"""Several searches' probabilities as one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pnas_latency import PoolingError, pooled_probs

alphas = st.lists(st.floats(-5, 5), min_size=3, max_size=3)


@given(st.lists(st.tuples(alphas, alphas), min_size=1, max_size=4))
def test_of_gates_they_are_the_softmax_of_the_mean_alphas(searches: list[tuple[list[float], list[float]]]) -> None:
    given_alphas = torch.tensor(searches, dtype=torch.float64)
    pooled = pooled_probs([[row.softmax(0) for row in search] for search in given_alphas])
    for row, expected in zip(pooled, given_alphas.mean(0).softmax(1), strict=True):
        torch.testing.assert_close(row, expected)


def test_what_one_search_rules_out_stays_out() -> None:
    (pooled,) = pooled_probs([[torch.tensor([0.0, 0.2, 0.8])], [torch.tensor([0.5, 0.4, 0.1])]])
    # The square roots of 0.08 and 0.08.
    torch.testing.assert_close(pooled, torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64))


def test_searches_that_cannot_be_pooled_are_refused() -> None:
    one, other = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    with pytest.raises(PoolingError, match="each option of choice 1 has the probability 0 in some search: pool"):
        pooled_probs([[one, one], [one, other]])
    with pytest.raises(PoolingError, match="2 searches have 2 kinds of choices: pass searches of one space"):
        pooled_probs([[one, one], [one]])
    with pytest.raises(PoolingError, match="0 searches have 0 kinds"):
        pooled_probs([])
    for odd in (-1.0, float("nan"), float("inf")):
        with pytest.raises(PoolingError, match="choice 1 has probabilities that are negative or not finite: pool"):
            pooled_probs([[one, one], [one, torch.tensor([odd, 0.5])]])
