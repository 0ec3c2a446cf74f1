"""Which nets keep limits, against the costs of all nets of small spaces."""

from collections.abc import Sequence
from itertools import product
from math import nextafter
from typing import Any

import pytest
import torch

from pnas_latency import InfeasibleBudgetError, Limit, Metric, feasible_nets
from pnas_ops import AnyWorkload, Choices, ModuleSpace, ModuleWorkload, Place
from tiny_spaces import BLOCKS, TINY, every_net, random_costs

METRICS = [random_costs(seed) for seed in (0, 1)]


def _work(title: str) -> ModuleWorkload:
    return ModuleWorkload(title=title, operators=(title,), input_shapes=((1, 3, 8, 8),))


def _costs(space: Any, metric: Metric) -> dict[Choices, float]:
    return {choices: metric.of(space.architecture(choices)) for choices in every_net(space)}


def _limits(space: Any, shares: Sequence[float]) -> list[Limit]:
    """At the very cost of the net that this share of all nets is cheaper than."""
    costs = [sorted(_costs(space, metric).values()) for metric in METRICS]
    return [
        Limit(metric=metric, at_most=row[int(share * len(row))])
        for metric, row, share in zip(METRICS, costs, shares, strict=False)
    ]


@pytest.mark.parametrize("space", TINY.values(), ids=TINY)
@pytest.mark.parametrize("shares", [[0.0], [0.1], [0.4], [0.7, 0.7]])
def test_a_net_fits_just_where_its_costs_do(space: Any, shares: list[float]) -> None:
    limits = _limits(space, shares)
    nets = feasible_nets(space, limits)
    kept = [
        choices
        for choices in every_net(space)
        if all(limit.metric.of(space.architecture(choices)) <= limit.at_most for limit in limits)
    ]
    assert list(nets.every()) == kept
    assert [choices for choices in every_net(space) if nets.fits(choices)] == kept
    assert nets.sample(torch.Generator().manual_seed(0)) in kept


def test_a_cost_one_double_above_its_limit_does_not_fit() -> None:
    two = (_work("just"), _work("above"))
    costs: dict[AnyWorkload, float] = dict(zip(two, (1.0, nextafter(1.0, 2.0)), strict=True))
    space = ModuleSpace(name="two nets", rest=_work("rest"), places=(Place(path="body", candidates=two),))
    metric = Metric(
        name="cost", unit="ms", rows=lambda of: tuple(tuple(costs.get(work, 0.0) for work in row) for row in of)
    )
    nets = feasible_nets(space, [Limit(metric=metric, at_most=1.0)])
    assert [nets.fits((choice,)) for choice in (0, 1)] == [True, False]


@pytest.mark.parametrize("space", TINY.values(), ids=TINY)
def test_a_beginning_is_given_up_only_where_no_net_of_it_fits(space: Any) -> None:
    nets = feasible_nets(space, _limits(space, [0.1]))
    ways = [choices for choices in product(*map(range, space.options)) if nets.fits(choices)]
    beginnings = [
        begun for length in range(len(space.options)) for begun in product(*map(range, space.options[:length]))
    ]
    given_up = [begun for begun in beginnings if not nets.may_fit(begun)]
    assert given_up
    assert not [begun for begun in given_up if any(way[: len(begun)] == begun for way in ways)]


def test_of_one_limit_on_separate_choices_every_hopeless_beginning_is_given_up() -> None:
    nets = feasible_nets(BLOCKS, _limits(BLOCKS, [0.15]))
    kept = [choices for choices in every_net(BLOCKS) if nets.fits(choices)]
    for length in range(5):
        for begun in product(*map(range, BLOCKS.options[:length])):
            assert nets.may_fit(begun) == any(choices[:length] == begun for choices in kept)


def test_a_window_has_two_ends() -> None:
    metric = METRICS[0]
    costs = sorted(_costs(BLOCKS, metric).values())
    nets = feasible_nets(BLOCKS, [Limit(metric=metric, at_most=costs[9], at_least=costs[4])])
    found = sorted(metric.of(BLOCKS.architecture(choices)) for choices in nets.every())
    assert found == [cost for cost in costs if costs[4] <= cost <= costs[9]]


def test_without_limits_they_are_all_nets() -> None:
    assert list(feasible_nets(BLOCKS, []).every()) == every_net(BLOCKS)


def test_limits_that_no_net_keeps_are_refused_at_once() -> None:
    with pytest.raises(InfeasibleBudgetError, match=r"no net of 'digits-mbconv.*the cheapest takes"):
        feasible_nets(BLOCKS, [Limit(metric=METRICS[0], at_most=1e-6)])
