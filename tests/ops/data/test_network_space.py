"""Spaces of whole networks: their nets, gone through one by one, and what these compute."""

from collections import Counter
from itertools import product
from math import prod

import pytest
import torch
from attrs import evolve
from hypothesis import HealthCheck, assume, given, settings

from pnas_ops import (
    Architecture,
    ClassifierSpec,
    MBConvSpec,
    NetworkSpace,
    NetworkStage,
    Workload,
    cifar_network_space,
    cost_terms,
    digits_network_space,
    load_space,
    save_json,
    workloads,
)
from strategies import network_spaces

MOST = 400
SMALL = evolve(
    digits_network_space(),
    resolutions=(8, 16),
    stages=(NetworkStage(widths=(2, 3), depths=(1, 3), stride=2), NetworkStage(widths=(2, 4), depths=(1, 2), stride=1)),
    candidates=(MBConvSpec(kernel_size=3, expansion=1), MBConvSpec(kernel_size=5, expansion=2)),
    head=evolve(digits_network_space().head, in_channels=4),
)


def every_net(space: NetworkSpace) -> list[Architecture]:
    """One for each way to choose."""
    return [space.architecture(chosen) for chosen in product(*map(range, space.options))]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(network_spaces())
def test_there_are_as_many_nets_as_it_says_and_each_is_read_back(space: NetworkSpace) -> None:
    assume(prod(space.options) <= MOST)
    nets = set(every_net(space))
    assert len(nets) == space.size()
    for net in nets:
        assert space.architecture(space.choices(net)) == net
    assert len({space.choices(net) for net in nets}) == space.size()


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(network_spaces())
def test_its_terms_are_what_each_net_computes(space: NetworkSpace) -> None:
    assume(prod(space.options) <= MOST)
    terms = cost_terms(space)
    for chosen in [*product(*map(range, space.options))][::7]:
        computed = [one for term in terms for one in term.of(chosen)]
        assert computed == [one for (one,) in workloads(space.architecture(chosen))]
    everything = {one for row in workloads(space) for one in row}
    assert everything == {one for net in every_net(space) for (one,) in workloads(net)}


def test_of_its_nets_each_is_drawn_as_often() -> None:
    space = evolve(SMALL, resolutions=(8,), stages=SMALL.stages[:1], head=evolve(SMALL.head, in_channels=3))
    assert space.size() == 2 * (2 + 2**3)
    generator = torch.Generator().manual_seed(0)
    drawn = Counter(space.sample_choices(generator) for _ in range(4000))
    assert len(drawn) == space.size()
    expected = 4000 / space.size()
    # Pearson's statistic, of 19 degrees of freedom: above 50 once in some 10,000 times.
    assert sum((count - expected) ** 2 / expected for count in drawn.values()) < 50
    assert space.sample(torch.Generator().manual_seed(3)) == space.sample(torch.Generator().manual_seed(3))


def test_its_conditions_say_which_choices_make_no_other_net() -> None:
    for chosen in product(*map(range, SMALL.options)):
        net = SMALL.architecture(chosen)
        for number, (condition, count) in enumerate(zip(SMALL.conditions(), SMALL.options, strict=True)):
            other = [*chosen]
            other[number] = (chosen[number] + 1) % count
            means = condition is None or chosen[condition.choice] in condition.options
            assert (SMALL.architecture(other) != net) == means


def test_neighbours_differ_in_one_choice_and_codes_tell_nets_apart() -> None:
    net = SMALL.architecture([0, 1, 0, 1, 1, 1, 0, 1, 0, 1])
    near = SMALL.neighbours(net)
    assert net not in near
    assert len({*near}) == len(near) == 1 + 3 + 4  # no operation beyond a depth
    assert all(SMALL.has(other) for other in near)
    nets = {*every_net(SMALL)}
    codes = torch.stack([SMALL.encode(other) for other in nets])
    assert codes.shape == (SMALL.size(), sum(SMALL.options))
    assert len(codes.unique(dim=0)) == SMALL.size()
    blocks = torch.tensor([len(other.blocks) for other in nets], dtype=torch.float32)
    # Resolution, two widths and two depths, and the blocks between stem and head.
    assert torch.equal(codes.sum(1), 5 + blocks - len(SMALL.stem) - 1)


def test_changes_and_mixtures_of_nets_are_nets() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = SMALL.sample(generator), SMALL.sample(generator)
    for _ in range(20):
        child = SMALL.mutate(SMALL.crossover(one, other, generator), generator, probability=0.3)
        assert SMALL.has(child)


def test_a_block_asks_for_the_width_before_it_and_no_other() -> None:
    space = cifar_network_space()
    depth = 2 + space.stages[0].depths[-1]
    assert space.options[:4] == (2, 2, 3, 6)
    scopes = [term.choices for term in cost_terms(space)]
    # Stem; the first stage's blocks; the second's, the first of which asks for the first stage's width; ...
    assert scopes[:6] == [(0,), (0,), (0, 1, 3), (0, 1, 2, 4), (0, 1, 2, 5), (0, 1, 1 + depth, 3 + depth)]
    assert space.size() == 2 * (2 * (6 + 6**2 + 6**3)) ** 3
    assert repr(space) == (
        "<NetworkSpace 'cifar-network-1': 3 stages, about 10^8 nets, 32x32x3 to 10 classes, 2 resolutions>"
    )
    assert "width one of 16 24; one of mb3-3x3" in str(space)
    assert "perhaps one of mb3-3x3" in str(space)
    assert space.option_names[0] == ("resolution 24", "resolution 32")
    assert space.option_names[2] == ("depth 1", "depth 2", "depth 3")


def test_a_narrower_hidden_layer_is_priced_as_it_ships() -> None:
    narrow, wide = (SMALL.architecture([0, 0, 1, 0, 0, 0, width, 0, 1, 0]) for width in (0, 1))
    term = next(term for term in cost_terms(SMALL) if term.choices == (0, 1, 6, 8))
    (of_narrow,) = term.of(SMALL.choices(narrow))
    assert isinstance(of_narrow, Workload)
    assert (of_narrow.block.in_channels, of_narrow.block.out_channels) == (2, 2)
    assert of_narrow.block in narrow.blocks
    assert of_narrow.block not in wide.blocks


def test_is_read_from_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("space") / "space.json"
    save_json(SMALL, path)
    assert load_space(path) == SMALL


def test_refuses_what_has_no_meaning() -> None:
    with pytest.raises(ValueError, match="'widths' must be >= 1: 0"):
        NetworkStage(widths=(0, 2), depths=(1,), stride=1)
    with pytest.raises(ValueError, match=r"NetworkStage\.depths must rise from one to the next, got \(2, 1\)"):
        NetworkStage(widths=(2,), depths=(2, 1), stride=1)
    with pytest.raises(
        ValueError, match=r"resolution 9 of space 'digits.*' is no multiple of 2, the product of its strides"
    ):
        evolve(SMALL, resolutions=(8, 9))
    with pytest.raises(ValueError, match="is classifier-4-preact: channels that a narrow net lacks stay silent"):
        evolve(SMALL, head=evolve(SMALL.head, op=ClassifierSpec(hidden_channels=4, pre_activation=True)))
    squeezing = (MBConvSpec(kernel_size=3, expansion=3, squeeze_excitation=True),)
    with pytest.raises(ValueError, match=r"candidate mb3-3x3-se: how far .*; take it without"):
        evolve(SMALL, candidates=squeezing)
    with pytest.raises(ValueError, match="takes 3 channels, its last stage gives up to 4"):
        evolve(SMALL, head=evolve(SMALL.head, in_channels=3))
    with pytest.raises(ValueError, match=r"has 10 choices, got 2"):
        SMALL.architecture([0, 0])
    with pytest.raises(ValueError, match=r"choice 1 of space .* has options 0 to 1, got 2"):
        SMALL.architecture([0, 2, *[0] * 8])
    net = SMALL.architecture([0] * 10, name="other")
    for other in (
        evolve(net, resolution=12),
        evolve(net, blocks=net.blocks[:-1]),
        "nothing",
        cifar_network_space().widest,
    ):
        assert not SMALL.has(other)
        with pytest.raises(ValueError, match="is not of space 'digits"):
            SMALL.choices(other)


def test_a_named_space_has_a_smaller_resolution_that_its_strides_divide() -> None:
    found = [cifar_network_space(resolution=size).resolutions for size in (8, 16, 24, 32)]
    assert found == [(8,), (8, 16), (16, 24), (24, 32)]
    with pytest.raises(ValueError, match=r"resolution 30 .* no multiple of 8, .* take 32"):
        cifar_network_space(resolution=30)


def test_a_space_of_more_nets_than_a_float_can_count_is_drawn_from() -> None:
    space = cifar_network_space(blocks_per_stage=500)
    assert space.size() > 10**1000
    assert space.has(space.sample(torch.Generator().manual_seed(0)))
