"""A budget as limits: each on its own metric, bytes in the dtype of the table's device, and all of them binding."""

from itertools import product
from math import inf, prod
from typing import Any, Literal

import pytest
import torch
from attrs import evolve

from pnas_latency import (
    MACS,
    PARAMETERS,
    Budget,
    LatencyTable,
    Metric,
    file_bytes,
    land_on_budget,
    peak_activation_bytes,
    weight_bytes,
)
from pnas_ops import Architecture, BlockSpec, ClassifierSpec, ConvSpec, MBConvSpec, SearchSpace, Stage
from tables import uniform_table

Dtype = Literal["float32", "int8"]

# Larger candidates are more probable, by more in later blocks, so that every limit on size binds.
SPACE = SearchSpace(
    name="small",
    resolution=8,
    stem=(BlockSpec(op=ConvSpec(kernel_size=3), in_channels=3, out_channels=4),),
    stages=(Stage(width=4, depth=2, stride=1), Stage(width=6, depth=1, stride=1)),
    candidates=tuple(MBConvSpec(kernel_size=size, expansion=factor) for factor in (1, 3, 6) for size in (3, 5)),
    head=BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=6, out_channels=2),
)
PROBS = [torch.tensor([float(base**i) for i in range(6)], dtype=torch.float64) for base in (2, 3, 4)]
NETS = [SPACE.architecture(choice) for choice in product(range(6), repeat=3)]


def budget_of(field: str, at_most: float) -> Budget:
    named: dict[str, Any] = {field: at_most}
    return Budget(**named)


def table_of(dtype: str) -> LatencyTable:
    table = uniform_table(SPACE)
    return evolve(table, device=evolve(table.device, dtype=dtype))


def most_probable(metric: Metric, at_most: float) -> Architecture | None:
    """By going through all nets; None where no net costs so little."""
    fitting = [net for net in NETS if metric.of(net) <= at_most]
    return max(
        fitting,
        key=lambda net: prod(float(p[i]) for p, i in zip(PROBS, SPACE.choices(net), strict=True)),
        default=None,
    )


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("field", ["weight_bytes", "peak_activation_bytes", "file_bytes"])
def test_bytes_are_those_of_the_dtype_of_the_tables_device(field: str, dtype: Dtype) -> None:
    metrics = {"weight_bytes": weight_bytes, "peak_activation_bytes": peak_activation_bytes, "file_bytes": file_bytes}
    metric = metrics[field](dtype)
    other = metrics[field]("int8" if dtype == "float32" else "float32")
    costs = sorted(set(map(metric.of, NETS)))
    at_most = costs[len(costs) // 2]

    landing = land_on_budget(PROBS, SPACE, table_of(dtype), budget_of(field, at_most))

    assert landing.result.architecture == most_probable(metric, at_most)
    # The limit binds, and asks for another net, or for none, in the other dtype.
    assert landing.result.architecture != most_probable(metric, inf)
    assert landing.result.architecture != most_probable(other, at_most)


@pytest.mark.parametrize(
    ("field", "metric"),
    [
        ("macs", MACS),
        ("parameters", PARAMETERS),
        ("weight_bytes", weight_bytes("float32")),
        ("peak_activation_bytes", peak_activation_bytes("float32")),
        ("file_bytes", file_bytes("float32")),
    ],
)
def test_every_limit_is_on_what_it_is_named_after(field: str, metric: Metric) -> None:
    at_most = sorted(map(metric.of, NETS))[len(NETS) // 2]
    (limit,) = budget_of(field, at_most).counts(table_of("float32"))
    assert (limit.at_most, limit.at_least) == (at_most, None)
    assert [limit.metric.of(net) for net in NETS] == [metric.of(net) for net in NETS]


def test_the_limit_on_latency_comes_first() -> None:
    table = table_of("float32")
    budget = Budget(latency_ms=4.0, macs=1e6, parameters=1e5, weight_bytes=4e5, peak_activation_bytes=2e4)
    latency, *counts = budget.limits(table)
    assert (latency.metric.name, latency.at_most, latency.at_least) == ("latency_ms", 4.0, None)
    assert latency.metric.of(NETS[0]) == table.predict_ms(NETS[0])
    assert [limit.at_most for limit in counts] == [1e6, 1e5, 4e5, 2e4]
    assert [limit.metric.name for limit in counts] == [limit.metric.name for limit in budget.counts(table)]


def test_a_budget_without_a_latency_asks_nothing_of_it() -> None:
    (macs,) = Budget(macs=1e6).limits(table_of("float32"))
    assert macs.metric.name == "macs"
    assert Budget().limits(table_of("float32")) == ()


@pytest.mark.parametrize(
    "field", ["latency_ms", "macs", "parameters", "weight_bytes", "peak_activation_bytes", "file_bytes"]
)
def test_a_limit_that_nothing_can_keep_is_refused_by_name(field: str) -> None:
    with pytest.raises(ValueError, match=f"'{field}' must be a number above 0"):
        budget_of(field, 0.0)
