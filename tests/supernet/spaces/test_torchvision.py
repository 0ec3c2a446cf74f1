"""Torchvision's nets as they are become spaces of many nets."""

from collections.abc import Callable
from math import log10

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from pnas_supernet import Rule, inner_widths, inverted_residuals, search_space_of, with_skip
from small_nets import output

CASES: list[tuple[Callable[[], nn.Module], Rule, int, float]] = [
    (models.resnet18, inner_widths(ratios=(0.25, 0.5, 0.75)), 8, 5.3),
    (models.mobilenet_v2, inverted_residuals(), 17, 13.6),
    (models.mobilenet_v3_small, inverted_residuals(), 11, 8.9),
    (models.convnext_tiny, inner_widths(ratios=(0.25, 0.5, 1), kernel_sizes=(3, 5, 7)), 18, 18.0),
    (lambda: lraspp_mobilenet_v3_large(weights=None, weights_backbone=None), inverted_residuals(), 15, 12.3),
]


@pytest.mark.slow
@pytest.mark.parametrize(("make", "rule", "places", "nets"), CASES)
def test_the_readmes_spaces(make: Callable[[], nn.Module], rule: Rule, places: int, nets: float) -> None:
    torch.manual_seed(0)
    network = make().eval()
    supernet = search_space_of(network, torch.zeros(1, 3, 64, 64), with_skip(rule))
    space = supernet.space
    assert len(space.places) == places
    assert sum(log10(len(row)) for row in space.mixed) == pytest.approx(nets, abs=0.05)
    image = torch.randn(1, 3, 64, 64)
    assert torch.equal(output(supernet.build(space.original), image), output(network, image))
    generator = torch.Generator().manual_seed(1)
    picks = [int(torch.randint(len(row), (), generator=generator)) for row in space.mixed]
    for net in (space.lightest, space.architecture(picks)):
        assert output(supernet.build(net), image).isfinite().all()
    originals, lightest = (
        sum(place.candidates[0].macs for place in net.places) for net in (space.original, space.lightest)
    )
    assert lightest < originals / 2
