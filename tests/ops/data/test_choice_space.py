"""Nets by chance and by their choices, of every kind of space, against all nets of small ones."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from math import isclose, log, prod, sqrt
from typing import Any

import pytest
import torch
from attrs import evolve

from pnas_ops import (
    BlockSpec,
    ClassifierSpec,
    IdentitySpec,
    LinearConvSpec,
    MBConvSpec,
    PoolSpec,
    SearchSpace,
    TreeSpace,
    TreeStage,
    cifar_tree_space,
    digits_mbconv_space,
    imagenet_mbconv_space,
    random_choices,
)
from tiny_spaces import BLOCKS, PLACES

TREES = TreeSpace(
    name="trees",
    resolution=8,
    stem=(BlockSpec(op=LinearConvSpec(kernel_size=3), in_channels=1, out_channels=4),),
    stages=(TreeStage(widths=(4,), stride=1),),
    expansion=1,
    depth=1,
    candidates=(IdentitySpec(), PoolSpec(mode="max", kernel_size=3), MBConvSpec(kernel_size=3, expansion=3)),
    head=BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=4, out_channels=10),
)


SPACES = {"blocks": BLOCKS, "trees": TREES, "module": PLACES}
SIZES = {"blocks": 2 * 3 * 2 * 3, "trees": 3**4, "module": 3 * 1 * 2}


@pytest.fixture(params=SPACES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def space(kind: str) -> Any:
    return SPACES[kind]


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _all_choices(space: Any) -> list[tuple[int, ...]]:
    return list(product(*map(range, space.options)))


def _agree(found: Counter[Any], probabilities: Mapping[Any, float]) -> bool:
    """Pearson's chi-square, against a bound that chance breaks once in 10^6 (Laurent and Massart, 2000, lemma 1)."""
    draws = found.total()
    assert found.keys() <= probabilities.keys()
    assert isclose(sum(probabilities.values()), 1)
    assert min(probabilities.values()) * draws >= 5
    statistic = sum((found[one] - draws * p) ** 2 / (draws * p) for one, p in probabilities.items())
    freedom, t = len(probabilities) - 1, log(10**6)
    return statistic <= freedom + 2 * sqrt(freedom * t) + 2 * t


def test_the_size_is_the_number_of_different_nets(kind: str, space: Any) -> None:
    different = {space.architecture(choices) for choices in _all_choices(space)}
    assert space.size() == len(different) == SIZES[kind]


def test_large_sizes_are_exact() -> None:
    # Of 21 blocks the first of each of six stages cannot be skipped.
    assert imagenet_mbconv_space().size() == 6**6 * 7**15
    assert cifar_tree_space().size() == 7**648


def test_every_net_is_equally_probable(space: Any) -> None:
    generator, nets = _generator(), {space.architecture(choices) for choices in _all_choices(space)}
    found = Counter(space.sample(generator) for _ in range(30 * len(nets)))
    assert _agree(found, dict.fromkeys(nets, 1 / len(nets)))


def test_choices_are_uniform_where_their_numbers_of_options_differ() -> None:
    generator = _generator()
    options = (5, 1, 3)
    found = Counter(random_choices(options, generator) for _ in range(1500))
    assert _agree(found, dict.fromkeys(product(*map(range, options)), 1 / 15))


def test_the_same_state_gives_the_same_net_and_the_next_one_another() -> None:
    space, first, second = imagenet_mbconv_space(), _generator(3), _generator(3)
    one = space.sample(first, name="one")
    assert one.name == "one"
    assert one == space.sample(second, name="one")
    assert space.sample(first) != evolve(one, name=space.name)


def test_a_mutation_changes_each_choice_with_its_probability_to_any_other(space: Any) -> None:
    generator, start = _generator(), _all_choices(space)[-1]
    net = space.architecture(start)
    found = Counter(space.choices(space.mutate(net, generator, probability=0.4)) for _ in range(4000))
    expected = {
        choices: prod(
            (0.4 / (count - 1) if one != other else 0.6) if count > 1 else 1.0
            for one, other, count in zip(start, choices, space.options, strict=True)
        )
        for choices in _all_choices(space)
    }
    assert _agree(found, expected)


def test_a_mutation_of_probability_0_changes_nothing_and_one_of_1_everything_that_can(space: Any) -> None:
    net = space.sample(_generator())
    assert space.mutate(net, _generator(), probability=0) == net
    changed = space.choices(space.mutate(net, _generator(), probability=1))
    same = [one == other for one, other in zip(space.choices(net), changed, strict=True)]
    assert same == [count == 1 for count in space.options]


def test_a_child_takes_each_choice_from_either_parent(space: Any) -> None:
    generator, (one, *_, other) = _generator(), _all_choices(space)
    parents = space.architecture(one), space.architecture(other)
    found = Counter(space.choices(space.crossover(*parents, generator)) for _ in range(800))
    mixtures = set(product(*zip(one, other, strict=True)))
    assert _agree(found, dict.fromkeys(mixtures, 1 / len(mixtures)))
    assert space.crossover(parents[0], parents[0], generator) == parents[0]


def test_neighbours_are_all_nets_that_differ_in_one_choice(space: Any) -> None:
    net = space.sample(_generator())
    wanted = {choices for choices in _all_choices(space) if _differences(choices, space.choices(net)) == 1}
    neighbours = space.neighbours(net)
    assert {space.choices(one) for one in neighbours} == wanted
    assert len(neighbours) == len(wanted)


def test_a_code_has_a_one_for_each_choice_and_codes_agree_where_choices_do(space: Any) -> None:
    codes = {choices: space.encode(space.architecture(choices)) for choices in _all_choices(space)}
    for choices, code in codes.items():
        assert code.dtype == torch.float32
        parts = code.split(list(space.options))
        assert [part.nonzero().flatten().tolist() for part in parts] == [[choice] for choice in choices]
        for other, other_code in codes.items():
            assert code @ other_code == len(choices) - _differences(choices, other)


def test_nets_of_another_space_are_refused_in_one_line() -> None:
    other: Any = digits_mbconv_space().sample(_generator())
    space: SearchSpace = BLOCKS
    for refused in (
        lambda: space.mutate(other, _generator()),
        lambda: space.crossover(space.sample(_generator()), other, _generator()),
        lambda: space.neighbours(other),
        lambda: space.encode(other),
    ):
        with pytest.raises(ValueError, match=r"architecture 'digits-mbconv-1' is not of space 'digits-mbconv-1-2'$"):
            refused()


@pytest.mark.parametrize("probability", [-0.1, 1.5, float("nan")])
def test_a_mutation_of_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match=f"between 0 and 1, got {probability}$"):
        BLOCKS.mutate(BLOCKS.sample(_generator()), _generator(), probability=probability)


def _differences(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))
