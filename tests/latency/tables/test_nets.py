"""The nets that a table is calibrated with and judged by."""

from math import prod
from statistics import median

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pnas_latency import MACS, NetEntry, validation_nets
from pnas_ops import (
    ConvSpec,
    MBConvSpec,
    Measurement,
    NetworkSpace,
    SearchSpace,
    ZeroSpec,
    cifar_mbconv_space,
    digits_mbconv_space,
    digits_network_space,
    imagenet_mbconv_space,
)
from strategies import search_spaces

SMALL_NETWORKS = evolve(
    digits_network_space(),
    candidates=(MBConvSpec(kernel_size=3, expansion=1), MBConvSpec(kernel_size=7, expansion=1)),
    resolutions=(16,),
)


def _has_large_kernel(space: SearchSpace, choices: tuple[int, ...]) -> bool:
    return any(getattr(row[i].op, "kernel_size", 1) > 5 for row, i in zip(space.mixed, choices, strict=True))


@pytest.mark.parametrize("space", [imagenet_mbconv_space(), cifar_mbconv_space(), digits_mbconv_space()])
@pytest.mark.parametrize("seed", [0, 1])
def test_named_spaces_have_all_that_is_promised(space: SearchSpace, seed: int) -> None:
    costs = MACS.costs(space)
    nets = validation_nets(space, cost=MACS, fit=6, held_out=20, seed=seed)

    assert [(net.held_out, net.band) for net in nets] == [(False, False)] * 6 + [(True, False)] * 10 + [
        (True, True)
    ] * 10
    names = [net.architecture.name for net in nets]
    assert names == [
        f"{role}-{n + 1}" for role, count in (("fit", 6), ("random", 10), ("band", 10)) for n in range(count)
    ]
    assert len({net.architecture.blocks for net in nets}) == 26
    banded = [space.choices(net.architecture) for net in nets if net.band]
    assert not any(_has_large_kernel(space, choices) for choices in banded)
    band = [sum(row[i] for row, i in zip(costs, choices, strict=True)) for choices in banded]
    assert max(band) <= min(band) * 1.05 / 0.95
    small_fit = [not _has_large_kernel(space, space.choices(net.architecture)) for net in nets if not net.held_out]
    assert 3 <= sum(small_fit) < 6
    # The others are of any cost.
    anywhere = [MACS.of(net.architecture) for net in nets if not net.band]
    assert max(anywhere) > min(anywhere) * 1.05 / 0.95


def test_the_band_lies_where_most_nets_without_large_kernels_do() -> None:
    small_ops = (MBConvSpec(kernel_size=3, expansion=3), MBConvSpec(kernel_size=5, expansion=6))
    space = evolve(digits_mbconv_space(), candidates=(*small_ops, ConvSpec(kernel_size=7)))
    costs = MACS.costs(space)
    small = [[0, 1]] * 6
    center = median(sum(row[i] for row, i in zip(costs, choices, strict=True)) for choices in _all_choices(small))
    for net in validation_nets(space, cost=MACS, fit=0, held_out=8, band=0.1):
        if net.band:
            choices = space.choices(net.architecture)
            cost = sum(row[i] for row, i in zip(costs, choices, strict=True))
            assert abs(cost - center) <= 0.1 * center


@given(space=search_spaces(), fit=st.integers(0, 8), held_out=st.integers(0, 12), seed=st.integers(0, 9))
def test_any_space_gives_different_nets_in_the_right_shares(
    space: SearchSpace, fit: int, held_out: int, seed: int
) -> None:
    size = prod(len(row) for row in space.mixed)
    if size == 1:
        with pytest.raises(ValueError, match="has a single net, which cannot both calibrate a table and judge it"):
            validation_nets(space, cost=MACS)
        return

    nets = validation_nets(space, cost=MACS, fit=fit, held_out=held_out, seed=seed)

    assert nets == validation_nets(space, cost=MACS, fit=fit, held_out=held_out, seed=seed)
    assert len({net.architecture.blocks for net in nets}) == len(nets)
    assert all(space.choices(net.architecture) for net in nets)
    judges = [net for net in nets if net.held_out]
    if size >= fit + held_out:
        assert (len(nets) - len(judges), len(judges)) == (fit, held_out)
    else:
        assert size - 1 <= len(nets) <= size
        assert abs(len(judges) - size * held_out / (fit + held_out)) <= 1
    assert len([net for net in judges if net.band]) <= len(judges) // 2
    assert not any(net.band for net in nets if not net.held_out)


def test_a_space_without_small_kernels_has_a_band_too() -> None:
    large_ops = (MBConvSpec(kernel_size=7, expansion=expansion) for expansion in (1, 2, 3))
    space = evolve(digits_mbconv_space(), candidates=(*large_ops, ZeroSpec()))
    nets = validation_nets(space, cost=MACS)
    assert len([net for net in nets if net.band]) == 10


@pytest.mark.parametrize("space", [digits_network_space(), SMALL_NETWORKS], ids=["large", "small"])
def test_nets_of_several_widths_and_depths_are_different_too(space: NetworkSpace) -> None:
    nets = validation_nets(space, cost=MACS, fit=6, held_out=12)
    assert len({net.architecture.blocks for net in nets}) == len(nets) == 18
    assert all(space.has(net.architecture) for net in nets)
    band = [net.architecture for net in nets if net.band]
    assert len(band) == 6
    assert not any(getattr(block.op, "kernel_size", 1) > 5 for net in band for block in net.blocks)


def test_another_seed_gives_other_nets() -> None:
    space = imagenet_mbconv_space()
    first, second = (
        {net.architecture.blocks for net in validation_nets(space, cost=MACS, seed=seed)} for seed in (0, 1)
    )
    assert not first & second


def test_a_measured_net_keeps_its_role() -> None:
    space = digits_mbconv_space()
    net = validation_nets(space, cost=MACS)[-1]
    measurement = Measurement(latency_ms=1, p25_ms=1, median_ms=1, p75_ms=1, count=2)
    expected = NetEntry(architecture=net.architecture, measurement=measurement, held_out=True, band=True)
    assert net.measured(measurement) == expected


def test_refuses_negative_numbers() -> None:
    space = digits_mbconv_space()
    with pytest.raises(ValueError, match=r"must not be negative, got -1, 20 and 0\.05"):
        validation_nets(space, cost=MACS, fit=-1)


def _all_choices(rows: list[list[int]]) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for row in rows:
        found = [(*choices, i) for choices in found for i in row]
    return found
