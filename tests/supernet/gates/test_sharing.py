"""Which places share a choice."""

from torch import nn

from pnas_supernet import MixedOp, choice_numbers


def layers() -> list[nn.Module]:
    return [nn.Conv2d(2, 2, size, padding=size // 2) for size in (1, 3)]


def test_places_that_share_a_choice_have_its_number() -> None:
    first, second = MixedOp(layers()), MixedOp(layers())
    third = MixedOp(layers(), alpha=second.alpha)
    network = nn.Sequential(
        second, nn.Sequential(first, third), MixedOp(layers(), alpha=first.alpha), MixedOp(layers())
    )
    assert choice_numbers(network) == (0, 1, 0, 1, 2)
    assert choice_numbers(nn.ReLU()) == ()
