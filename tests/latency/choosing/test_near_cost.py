"""Random nets of about one cost, beside all nets of small spaces, gone through one by one."""

from collections import Counter
from itertools import product
from typing import Any

import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from pnas_latency import MACS, Metric, NearCost, peak_activation_bytes
from pnas_ops import (
    Space,
    cifar_tree_space,
    digits_mbconv_space,
    digits_network_space,
    imagenet_mbconv_space,
    nas_bench_201_space,
)
from strategies import cell_spaces, network_spaces, search_spaces, tree_spaces
from tables import measurement, uniform_table

MIXED = digits_mbconv_space(0.5, blocks_per_stage=1)
# Widths and depths decide together, and operations beyond the depth mean nothing.
WHOLE = evolve(digits_network_space(0.5, blocks_per_stage=2), candidates=digits_network_space(0.5).candidates[:2])
# Operations of edges that no node keeps mean nothing.
CELLS = nas_bench_201_space(classes=3, resolution=8, blocks_per_stage=1)


def latency(space: Any) -> Metric:
    """By a table whose milliseconds grow from line to line."""
    table = uniform_table(space)
    entries = [evolve(one, measurement=measurement(1.0 + 0.1 * number)) for number, one in enumerate(table.entries)]
    return evolve(table, entries=tuple(entries)).metric()


def every(space: Any) -> dict[tuple[int, ...], float]:
    """What each net costs, by its choices as the space reads them."""
    nets, metric = [space.architecture(choices) for choices in product(*map(range, space.options))], latency(space)
    return {space.choices(net): metric.of(net) for net in nets}


def near(costs: dict[tuple[int, ...], float], cost: float, tolerance: float) -> set[tuple[int, ...]]:
    return {one for one, found in costs.items() if cost * (1 - tolerance) <= found <= cost * (1 + tolerance)}


@pytest.mark.parametrize(("space", "tolerance"), [(MIXED, 0.015), (WHOLE, 0.05)], ids=["blocks", "whole networks"])
def test_all_nets_that_are_near_are_drawn_and_equally_often(space: Any, tolerance: float) -> None:
    costs = every(space)
    assert len(costs) == space.size()
    middle = sorted(costs.values())[len(costs) // 2]
    wanted = near(costs, middle, tolerance)
    assert 4 <= len(wanted) < len(costs) / 2
    band, generator = NearCost(space, latency(space), middle, tolerance=tolerance), torch.Generator().manual_seed(0)
    drawn = Counter(space.choices(band.draw(generator)) for _ in range(30 * len(wanted)))
    assert drawn.keys() <= wanted
    assert chisquare([drawn[one] for one in sorted(wanted)]).pvalue > 0.001


@settings(max_examples=25)
@given(space=st.one_of(search_spaces(), network_spaces(), cell_spaces(), tree_spaces()), data=st.data())
def test_what_is_drawn_of_any_space_is_near(space: Any, data: st.DataObject) -> None:
    generator = torch.Generator().manual_seed(0)
    metric, tolerance = latency(space), data.draw(st.floats(0.001, 0.5))
    cost = metric.of(space.sample(generator))
    drawn = NearCost(space, metric, cost, tolerance=tolerance).draw(generator)
    assert drawn is not None
    assert abs(metric.of(drawn) / cost - 1) <= tolerance * (1 + 1e-9)
    assert space.has(drawn)


def test_none_is_drawn_twice_and_none_where_there_is_no_other() -> None:
    costs = every(MIXED)
    cost = min(costs.values())
    band, taken = NearCost(MIXED, latency(MIXED), cost, tolerance=0.05), set[tuple[int, ...]]()
    while (net := band.draw(torch.Generator().manual_seed(1), apart_from=taken)) is not None:
        taken.add(MIXED.choices(net))
    assert taken == near(costs, cost, 0.05)
    for nowhere in (cost / 2, 2 * max(costs.values())):
        assert NearCost(MIXED, latency(MIXED), nowhere, tolerance=0.02).draw(torch.Generator().manual_seed(0)) is None


@pytest.mark.parametrize(
    "space", [imagenet_mbconv_space(), cifar_tree_space(blocks_per_stage=2)], ids=["7^21", "trees"]
)
def test_the_few_of_very_many_nets_at_an_end_of_a_space_are_found(space: Space) -> None:
    # Of nets drawn at random none is nearly as cheap.
    metric = latency(space)
    for cost in (1.02 * metric.of(metric.cheapest(space)), 0.98 * metric.of(metric.dearest(space))):
        drawn = NearCost(space, metric, cost, tolerance=0.02).draw(torch.Generator().manual_seed(0))
        assert drawn is not None
        assert abs(metric.of(drawn) / cost - 1) <= 0.02 * (1 + 1e-9)


def test_the_same_state_of_the_generator_gives_the_same_net() -> None:
    metric = latency(CELLS)
    band = NearCost(CELLS, metric, metric.of(CELLS.architecture([2] * len(CELLS.options))), tolerance=0.3)
    assert len({band.draw(torch.Generator().manual_seed(3)) for _ in range(3)}) == 1
    assert len({band.draw(torch.Generator().manual_seed(seed)) for seed in range(20)}) > 10


def test_what_is_no_sum_and_what_is_no_cost_are_refused() -> None:
    with pytest.raises(ValueError, match="is no sum over a net's workloads"):
        NearCost(MIXED, peak_activation_bytes("float32"), 1e4, tolerance=0.1)
    with pytest.raises(ValueError, match="cost must be a number above 0, got 0"):
        NearCost(MIXED, MACS, 0.0, tolerance=0.1)
    with pytest.raises(ValueError, match="tolerance must be a number above 0, got -1"):
        NearCost(MIXED, MACS, 1e4, tolerance=-1.0)


@pytest.mark.parametrize("cost", [1e-300, 5e-324, 1e17])
def test_of_a_cost_that_no_net_is_near_none_is_drawn(cost: float) -> None:
    metric = latency(MIXED)
    free = evolve(metric, constant=metric.constant - metric.of(metric.cheapest(MIXED)))  # the cheapest costs nothing
    for one in (metric, free):
        assert NearCost(MIXED, one, cost, tolerance=0.99).draw(torch.Generator()) is None
