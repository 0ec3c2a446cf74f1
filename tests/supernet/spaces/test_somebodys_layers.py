"""Nets whose layers or blocks are unusual become spaces without an error; what cannot change stays as it is."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pnas_supernet import convolutions, first_of, inner_widths, inverted_residuals, search_space_of, with_skip
from small_nets import output

RULE = with_skip(
    first_of(inverted_residuals(), inner_widths(kernel_sizes=(3, 5, 7)), convolutions(kernel_sizes=(3, 5, 7)))
)


class OddOptions(nn.Conv2d):
    """A convolution with an option that PyTorch does not know."""

    def __init__(self, channels_in: int, channels_out: int, **options: Any) -> None:
        super().__init__(channels_in, channels_out, 3, **options)
        self.padding = "SAME"

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, 1, 1, 1, self.groups)


class MirrorsAtMost(nn.Conv2d):
    """Has more padding than PyTorch would mirror, and uses none of it."""

    def __init__(self, channels_in: int, channels_out: int, **options: Any) -> None:
        super().__init__(channels_in, channels_out, 3, **{**options, "padding": 3, "padding_mode": "reflect"})

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight[:, :, 1:2, 1:2], self.bias, groups=self.groups)


class Conditional(nn.Conv2d):
    """Takes something beside the image."""

    def __init__(self, channels_in: int, channels_out: int, **options: Any) -> None:
        super().__init__(channels_in, channels_out, 3, **options)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return super().forward(x)

    def again(self, x: Tensor) -> Tensor:
        return self(x)


class Basic(nn.Module):
    def __init__(self, conv: Callable[..., nn.Conv2d], call: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second = conv(4, 8, padding=1), conv(8, 4, padding=1)
        self.call = call

    def forward(self, x: Tensor) -> Tensor:
        return x + self.call(self.second, F.relu(self.call(self.first, x)))


class Separable(nn.Module):
    """A block without hidden channels, so that only its kernel can change."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Conditional(4, 4, padding=1, groups=4), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x, None)))


class InFloat32(Basic):
    """Runs in one precision alone."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.conv2d(F.relu(self.first(x)), torch.ones(8, 1, 1, 1), groups=8))


def plain(channels_in: int, channels_out: int, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, **options)


def gained(channels_in: int, channels_out: int, **options: Any) -> nn.Conv2d:
    conv = plain(channels_in, channels_out, **options)
    conv.gain = 2.0  # type: ignore[assignment]
    return conv


def mirrored(channels_in: int, channels_out: int, **options: Any) -> nn.Conv2d:
    return plain(channels_in, channels_out, padding_mode="reflect", **options)


def called(layer: Any, x: Tensor) -> Tensor:
    found: Tensor = layer(x)
    return found


@pytest.mark.parametrize(
    ("body", "titles"),
    [
        (Basic(OddOptions, called), []),
        (Basic(MirrorsAtMost, called), []),
        (Basic(Conditional, lambda layer, x: layer(x, None)), []),
        (Basic(Conditional, lambda layer, x: layer.again(x)), []),
        (Separable(), []),
        (Basic(gained, lambda layer, x: layer(x) * layer.gain), []),
        (InFloat32(plain, called), ["body.first", "body.second"]),
        (nn.Sequential(nn.AdaptiveAvgPool2d(3), Basic(mirrored, called)), ["body"]),
        (Basic(plain, called), ["body"]),
    ],
)
def test_the_rules_take_what_can_change_and_leave_the_rest(body: nn.Module, titles: list[str]) -> None:
    check(body, titles)


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_what_is_scripted_or_traced_stays_as_it_is() -> None:
    inner = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True))
    for compiled in (torch.jit.script(inner), torch.jit.trace(inner, torch.zeros(1, 4, 8, 8))):
        check(nn.Sequential(compiled, Basic(plain, called)), ["body.1"])


def check(body: nn.Module, titles: list[str]) -> None:
    network = nn.Sequential()
    network.add_module("stem", nn.Conv2d(3, 4, 3, padding=1))
    network.add_module("body", body)
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    supernet = search_space_of(network, x, RULE)
    assert [place.path for place in supernet.space.places] == ["stem", *titles]
    assert output(supernet.build(supernet.space.original), x).equal(output(network, x))


def test_a_mirrored_image_gets_kernels_as_large_as_it_can_be_mirrored_for() -> None:
    network = nn.Sequential(mirrored(3, 3, padding=1))
    (place,) = search_space_of(network, torch.zeros(1, 3, 3, 3), convolutions(kernel_sizes=(1, 5, 7))).space.places
    assert [candidate.title for candidate in place.candidates] == ["original", "1x1", "5x5"]


def test_on_the_meta_device_kernels_may_change_and_no_width_is_proven() -> None:
    with torch.device("meta"):
        network = nn.Sequential(Basic(plain, called))
        supernet = search_space_of(network, torch.zeros(1, 3 + 1, 8, 8), RULE)
    assert [place.path for place in supernet.space.places] == ["0.first", "0.second"]


def test_a_block_of_which_the_net_looks_for_what_it_has_not_is_a_place() -> None:
    class Looking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = Basic(plain, called)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.body(x)
            return found * 2 if hasattr(self.body, "gain") else found

    supernet = search_space_of(Looking(), torch.zeros(1, 4, 8, 8), RULE)
    assert [place.path for place in supernet.space.places] == ["body"]
