"""What is told of a predictor before it judges."""

import pytest
from torch import nn

from pnas_apps.exploring.predictor_judge import predictor_line
from pnas_ops import AccuracyPredictor, cifar_mbconv_space


@pytest.mark.parametrize(
    ("rank", "held_out", "is_told"),
    [(0.9, 10, False), (0.6, 10, True), (0.6, 20, False), (1.0, 2, True), (-0.9, 20, True), (None, 20, True)],
)
def test_a_predictor_that_may_guess_by_chance_is_told(rank: float | None, held_out: int, is_told: bool) -> None:
    """The rank correlation of n pairs that have nothing to do with each other has a standard error of 1/sqrt(n - 1)."""
    predictor = AccuracyPredictor(
        space=cifar_mbconv_space(0.25),
        network=nn.Identity(),
        mean=0.0,
        deviation=1.0,
        rank_correlation=rank,
        held_out=held_out,
        learned=4 * held_out,
    )
    assert ("not shown to be better than chance" in predictor_line(predictor)) == is_told
