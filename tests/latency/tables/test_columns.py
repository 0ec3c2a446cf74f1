"""Columns of a table that are no latency: filled, summed, limited."""

from itertools import product
from math import fsum

import pytest
import torch
from attrs import evolve

from pnas_latency import Budget, LatencyTable, MissingWorkloadsError, check_budget, land_on_budget
from pnas_ops import Workload, digits_mbconv_space, from_json, to_json, workloads
from tables import uniform_table

SPACE = digits_mbconv_space(0.5, blocks_per_stage=1)
BLOCKS = sorted({workload for row in workloads(SPACE) for workload in row}, key=str)
ENERGY = {workload: 0.25 + index**1.5 for index, workload in enumerate(BLOCKS)}
NETS = [SPACE.architecture(choices) for choices in product(*(range(len(row)) for row in SPACE.mixed))]


def filled() -> LatencyTable:
    return uniform_table(SPACE).with_column("energy_mj", ENERGY, overhead=0.5)


def test_a_net_costs_its_blocks_and_one_call() -> None:
    metric = filled().metric("energy_mj")
    assert (metric.name, metric.unit) == ("energy_mj", "mj")
    for net in NETS[::5]:
        assert metric.of(net) == fsum([0.5, *(ENERGY[workload] for (workload,) in workloads(net))])


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_limit_on_a_column_is_kept_by_the_most_probable_net_that_makes_use_of_it(share: float) -> None:
    table, probs = filled(), [torch.linspace(1, 2, len(row), dtype=torch.float64) for row in SPACE.mixed]
    metric = table.metric("energy_mj")
    costs = sorted(map(metric.of, NETS))
    at_most = costs[int(share * len(costs))]
    budget = Budget(columns={"energy_mj": at_most})

    found = land_on_budget(probs, SPACE, table, budget).result.architecture

    def chance(choices: tuple[int, ...]) -> float:
        return float(torch.stack([row[index] for row, index in zip(probs, choices, strict=True)]).prod())

    chances = torch.tensor([chance(SPACE.choices(net)) for net in NETS])
    mean = float((chances * torch.tensor([metric.of(net) for net in NETS])).sum() / chances.sum())
    # Whoever is above its limit on average has been held back by it.
    least = 0.9 * at_most if mean > 0.9 * at_most else 0.0
    assert least <= metric.of(found) <= at_most
    assert chance(SPACE.choices(found)) == max(
        chance(SPACE.choices(net)) for net in NETS if least <= metric.of(net) <= at_most
    )


def test_what_is_filled_is_kept_and_merged() -> None:
    first, second = (dict(list(ENERGY.items())[part::2]) for part in (0, 1))
    table = uniform_table(SPACE).with_column("energy_mj", first, overhead=0.5).with_column("energy_mj", second)
    assert table == filled()
    assert from_json(to_json(table), LatencyTable) == table
    assert uniform_table(SPACE).merge(filled()).overheads == {"energy_mj": 0.5}
    assert table.missing_column("energy_mj", workloads(SPACE)) == ()


def test_a_column_that_is_not_there_is_named() -> None:
    table = uniform_table(SPACE)
    assert set(table.missing_column("energy_mj", workloads(SPACE))) == set(BLOCKS)
    with pytest.raises(MissingWorkloadsError, match=r"lacks energy_mj of .*: give it that column with .*with_column"):
        check_budget(SPACE, table, Budget(columns={"energy_mj": 3.0}))
    elsewhere: Workload = evolve(BLOCKS[0], height=99)
    with pytest.raises(MissingWorkloadsError, match="@99x4"):
        table.with_column("energy_mj", {elsewhere: 1.0})
    with pytest.raises(ValueError, match=r"columns\['energy_mj'\] must be a number above 0"):
        Budget(columns={"energy_mj": 0.0})
