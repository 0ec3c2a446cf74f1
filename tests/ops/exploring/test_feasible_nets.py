"""The nets that strategies may ask for, against all nets of small spaces."""

from collections import Counter
from itertools import islice
from math import sqrt
from typing import Any

import pytest
import torch

from pnas_ops import Choices, FeasibleNets, ScarceNetsError, imagenet_mbconv_space
from pnas_ops.exploring import feasible_nets as module
from tiny_spaces import BLOCKS, NETWORKS, TINY, every_net

DRAWS = 3000


def _even(choices: Choices) -> bool:
    return sum(choices) % 2 == 0


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("space", TINY.values(), ids=TINY)
def test_all_nets_are_gone_through_once_in_order(space: Any) -> None:
    assert list(FeasibleNets(space=space).every()) == every_net(space)
    assert list(FeasibleNets(space=space, fits=_even).every()) == [one for one in every_net(space) if _even(one)]


@pytest.mark.parametrize("means", ["drawn", "listed"])
@pytest.mark.parametrize("space", [BLOCKS, NETWORKS], ids=["blocks", "networks"])
def test_each_net_that_is_left_is_equally_probable(
    space: Any, means: str, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    if means == "listed":
        monkeypatch.setattr(module, "_DRAWS", 0)
    nets = FeasibleNets(space=space, fits=_even)
    taken, *left = [one for one in every_net(space) if _even(one)]
    drawn = Counter(nets.sample(generator, taken=[taken]) for _ in range(DRAWS))
    assert drawn.keys() == {*left}
    expected = DRAWS / len(left)
    assert all(abs(count - expected) < 5 * sqrt(expected) for count in drawn.values())


def test_a_net_of_many_that_hardly_any_is_like_is_chosen_option_by_option(generator: torch.Generator) -> None:
    space = imagenet_mbconv_space()
    nets = FeasibleNets(space=space, fits=lambda choices: sum(choices) <= 2, may_fit=lambda begun: sum(begun) <= 2)
    drawn = [nets.sample(generator) for _ in range(3)]
    assert all(one is not None and sum(one) <= 2 for one in drawn)


def test_several_nets_are_drawn_each_once_as_many_as_are_found(generator: torch.Generator) -> None:
    nets, again = FeasibleNets(space=BLOCKS, fits=_even), torch.Generator().manual_seed(0)
    some = nets.sample_several(3, generator)
    assert some[0] == nets.sample(again)
    assert some[1] == nets.sample(again, taken=some[:1])
    every = nets.sample_several(10_000, generator)
    assert len(every) == len({*every})
    assert {*every} == {one for one in every_net(BLOCKS) if _even(one)}
    assert FeasibleNets(space=imagenet_mbconv_space(), fits=lambda _: False).sample_several(3, generator) == []


def test_says_so_where_none_is_found_among_many(generator: torch.Generator) -> None:
    nets = FeasibleNets(space=imagenet_mbconv_space(), fits=lambda choices: False)
    with pytest.raises(ScarceNetsError, match=r"hardly any net of .*imagenet-mbconv.* loosen the limits"):
        nets.sample(generator)


def test_a_net_near_another_differs_in_few_choices(generator: torch.Generator) -> None:
    space = imagenet_mbconv_space()
    nets = FeasibleNets(space=space, fits=_even)
    here = (0,) * len(space.options)
    near = [nets.near(here, generator) for _ in range(30)]
    assert all(one is not None and one != here and _even(one) for one in near)
    changes = [sum(choice > 0 for choice in one) for one in near if one is not None]
    assert 1 <= sum(changes) / len(changes) < 3


def test_where_nothing_near_is_left_another_net_is_found(generator: torch.Generator) -> None:
    far = every_net(BLOCKS)[-1]
    nets = FeasibleNets(space=BLOCKS, fits=lambda choices: choices == far)
    assert nets.near((0, 0, 0, 0), generator) == far
    assert nets.near(far, generator, taken=[far]) is None


def test_the_same_generator_gives_the_same_net() -> None:
    nets = FeasibleNets(space=BLOCKS, fits=_even)
    one, other = ([nets.sample(seeded) for _ in range(5)] for seeded in map(torch.Generator().manual_seed, (3, 3)))
    assert one == other


def test_as_many_nets_are_listed_as_anybody_asks_for() -> None:
    first, second = islice(FeasibleNets(space=imagenet_mbconv_space()).every(), 2)
    assert (sum(first), sum(second), second[-1]) == (0, 1, 1)
