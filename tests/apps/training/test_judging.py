"""When a net is told to be no better than the most frequent class."""

from math import sqrt

import pytest
import torch

from pnas_apps.training.judging import differ_beyond_chance, no_better_line, standard_error


def test_the_standard_error_is_that_of_many_draws() -> None:
    draws = torch.rand(20_000, 500, generator=torch.Generator().manual_seed(0)) < 0.3
    assert standard_error(0.3, 500) == pytest.approx(float(draws.double().mean(1).std()), rel=0.02)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_right_of_few_is_not_certain(share: float) -> None:
    assert standard_error(share, 4) == pytest.approx(sqrt(2 / 8 * 6 / 8 / 8))


@pytest.mark.parametrize("right", range(0, 101, 5))
def test_a_net_is_doubted_up_to_a_standard_error_above_the_most_frequent_class(right: int) -> None:
    labels = torch.tensor([3] * 25 + [0] * 60 + [1] * 15)
    share = right / 100
    above = share > 0.6 + sqrt(share * (1 - share) / 100)
    assert (no_better_line(share, labels) is None) == above


def test_a_doubted_net_is_told_with_its_shares() -> None:
    line = no_better_line(0.54, torch.tensor([0, 1] * 50))
    assert line is not None
    assert "accuracy is 50.0% on the 100 test images: the net's is 54.0%, with a standard error of 4.9%" in line
    assert no_better_line(0.55, torch.tensor([0, 1] * 50)) is None
    assert no_better_line(1.0, torch.zeros(7, dtype=torch.int64)) is not None


def test_images_without_a_class_are_left_out() -> None:
    """Of 10 such and 10 others the net is right for 9, which are 45% of all and 90% of those that have a class."""
    ignored = torch.full((10,), -100)
    assert no_better_line(0.45, torch.cat([ignored, torch.tensor([0, 1] * 5)])) is None
    line = no_better_line(0.25, torch.cat([torch.tensor([0, 1] * 5), ignored]))
    assert line is not None
    assert "accuracy is 50.0% on the 10 test images: the net's is 50.0%" in line
    assert no_better_line(0.0, ignored) is None


def test_equal_nets_seldom_differ_beyond_chance_and_unequal_ones_mostly_do() -> None:
    generator = torch.Generator().manual_seed(0)

    def told(*shares: float) -> float:
        """How often it is told of draws of 200 images each."""
        found = 0
        for _ in range(400):
            draws = [float((torch.rand(200, generator=generator) < share).double().mean()) for share in shares]
            found += differ_beyond_chance(draws, 200)
        return found / 400

    assert 0.02 < told(*[0.4] * 10) < 0.09
    assert told(*[0.4] * 9, 0.7) > 0.95


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_nets_that_are_right_equally_often_do_not_differ(share: float) -> None:
    assert not differ_beyond_chance([share] * 3, 10)
