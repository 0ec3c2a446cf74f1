"""How good a net is on the test images, whatever their targets are."""

from types import SimpleNamespace
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from pnas_own.data import Data
from pnas_own.judging import judge


def judged_on(*batches: tuple[Tensor, Tensor]) -> Data:
    return cast(Data, SimpleNamespace(test=lambda: batches, preprocessing=Tensor.float))


NET = nn.Conv2d(3, 2, 1, bias=False)
nn.init.constant_(NET.weight[0], -1.0)
nn.init.constant_(NET.weight[1], 1.0)
"""Class 1 wherever a pixel is above 0."""


def test_labels_of_images_are_kept_in_order() -> None:
    first, second = (torch.full((count, 3, 1, 1), 9, dtype=torch.uint8) for count in (3, 1))
    net = nn.Sequential(NET, nn.Flatten())
    found = judge(net, judged_on((first, torch.tensor([1, 0, 1])), (second, torch.tensor([0]))), None)
    assert found.score == pytest.approx(2 / 4)
    assert found.labels is not None
    assert found.labels.tolist() == [1, 0, 1, 0]


def test_targets_of_pixels_are_no_labels_of_images_and_of_any_size() -> None:
    small, large = (torch.full((2, 3, size, size), 9, dtype=torch.uint8) for size in (1, 2))
    found = judge(NET, judged_on(*((pixels, pixels[:, 0].clamp(max=1).long()) for pixels in (small, large))), None)
    assert found.score == 1
    assert found.labels is None


def test_a_score_is_the_mean_of_all_images_however_many_rows_targets_have() -> None:
    """As of points in images: each batch has as many as it has."""
    batches = [(torch.zeros(1, 3, 1, 1, dtype=torch.uint8), torch.zeros(rows)) for rows in (1, 7)]
    found = judge(NET, judged_on(*batches), lambda _, targets: float(len(targets)))
    assert found.score == pytest.approx((1 + 7) / 2)
    assert found.labels is None
