"""Limits that exclude no net are told, and no others: the nets are gone through one by one."""

from collections.abc import Callable
from itertools import product
from math import nextafter

import pytest
from attrs import evolve

from pnas_apps.steps.needless_limits import needless_by_table, needless_counts
from pnas_latency import MACS, PARAMETERS, Budget, Metric, peak_activation_bytes, weight_bytes
from pnas_ops import AnySpace, workloads
from tables import uniform_table
from tiny_spaces import BLOCKS, NETWORKS

SPACES = {"blocks": BLOCKS, "networks": NETWORKS}


def largest(space: AnySpace, metric: Metric) -> float:
    """As a search counts it, which knows the bytes that nets share for all of them."""
    return max(metric.reckoned(space, choices) for choices in product(*map(range, space.options)))


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize(
    ("metric", "budget"),
    [
        (MACS, lambda at_most: Budget(macs=at_most)),
        (PARAMETERS, lambda at_most: Budget(parameters=at_most)),
        (weight_bytes("float32"), lambda at_most: Budget(weight_bytes=at_most)),
        (peak_activation_bytes("float32"), lambda at_most: Budget(peak_activation_bytes=at_most)),
    ],
    ids=["macs", "parameters", "bytes", "peak"],
)
def test_a_limit_is_told_if_it_excludes_no_net(
    space: AnySpace, metric: Metric, budget: Callable[[float], Budget]
) -> None:
    table, most = uniform_table(BLOCKS), largest(space, metric)
    (line,) = needless_counts(space, table, budget(most))
    assert line == f"No net of {space.name!r} exceeds {most:,.0f} {metric.name}: the limit of {most:,.0f} excludes none"
    assert not [*needless_counts(space, table, budget(nextafter(most, 0)))]
    assert not [*needless_by_table(space, table, budget(most))]


def test_what_a_table_predicts_is_told_by_the_table_alone() -> None:
    table = uniform_table(BLOCKS, 0.25)
    energy = {block: 2.0 for row in workloads(BLOCKS) for block in row}
    both = table.with_column("energy_mj", energy)
    slowest = largest(BLOCKS, table.metric())
    budget = Budget(latency_ms=slowest, columns={"energy_mj": 1e6})
    said = f"No net of {BLOCKS.name!r} exceeds {slowest:.4f} latency_ms: the limit of {slowest:.4f} excludes none"
    # The table lacks the column as long as no command has filled it.
    assert [*needless_by_table(BLOCKS, table, budget)] == [said]
    assert [line.partition(":")[2] for line in needless_by_table(BLOCKS, both, budget)] == [
        f" the limit of {slowest:.4f} excludes none",
        " the limit of 1,000,000 excludes none",
    ]
    assert not [*needless_counts(BLOCKS, both, budget)]
    assert not [*needless_by_table(BLOCKS, table, evolve(budget, latency_ms=nextafter(slowest, 0)))]
