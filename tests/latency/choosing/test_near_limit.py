"""Nets that make use of a limit, against going through all nets."""

from collections.abc import Sequence
from math import log

import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from latency.choosing import test_choosing as independent
from pnas_latency import (
    MACS,
    PARAMETERS,
    Budget,
    InfeasibleBudgetError,
    LatencyTable,
    Limit,
    TableEntry,
    land_on_budget,
    most_probable_near_limit,
    most_probable_within_budget,
    narrowed_limits,
    peak_activation_bytes,
    pressed_limit,
)
from pnas_ops import Architecture, architecture_macs, workloads
from tables import DEVICE, measurement

SPACE = independent.small_space(4, 4)
NETS = [*independent.nets(SPACE)]


def probabilities(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(count, generator=generator, dtype=torch.float64).softmax(0) for count in SPACE.options]


def probability(net: Architecture, probs: Sequence[Tensor]) -> float:
    return sum(log(row[choice].item()) for row, choice in zip(probs, SPACE.choices(net), strict=True))


def mean_macs(probs: Sequence[Tensor]) -> float:
    """Over all nets, each as often as it is drawn."""
    weights = torch.tensor([probability(net, probs) for net in NETS], dtype=torch.float64).exp()
    return float((weights * torch.tensor([float(architecture_macs(net)) for net in NETS])).sum() / weights.sum())


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), share=st.floats(0.7, 1.05))
def test_the_limit_is_pressed_where_nets_cost_nine_tenths_of_it_on_average(seed: int, share: float) -> None:
    probs = probabilities(seed)
    macs = Limit(metric=MACS, at_most=mean_macs(probs) / share)
    assert pressed_limit(probs, SPACE, [macs]) == (macs if share >= 0.9 else None)
    # What cannot be above its limit holds nothing back, nor does what says itself how much is to be used.
    parameters = Limit(metric=PARAMETERS, at_most=1e9)
    memory = Limit(metric=peak_activation_bytes("float32"), at_most=1.0)
    assert pressed_limit(probs, SPACE, [parameters, memory, macs]) == (macs if share >= 0.9 else None)
    assert pressed_limit(probs, SPACE, [evolve(macs, at_least=1.0)]) is None
    assert pressed_limit(probs, SPACE, []) is None


def group(net: Architecture, at_most: float) -> int:
    """How near a net is to its limit, 0 for the nearest."""
    used = architecture_macs(net) / at_most
    return sum(used < least for least in (0.9, 0.8, 0.6))


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), share=st.sampled_from([0.7, 0.95, 1.2]))
def test_nets_near_a_limit_that_was_pressed_come_first_and_each_once(seed: int, share: float) -> None:
    probs = probabilities(seed)
    limit = Limit(metric=MACS, at_most=mean_macs(probs) / share)
    within = [net for net in NETS if architecture_macs(net) <= limit.at_most]
    if share < 0.9:
        expected = sorted(within, key=lambda net: -probability(net, probs))
    else:
        expected = sorted(within, key=lambda net: (group(net, limit.at_most), -probability(net, probs)))
    found = [*most_probable_near_limit(probs, SPACE, [limit], name="found")]
    assert [*map(SPACE.choices, found)] == [*map(SPACE.choices, expected)]
    assert {net.name for net in found} == {"found"}


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), share=st.sampled_from([0.7, 0.95, 1.2]), most=st.integers(0, len(NETS) - 1))
def test_limits_are_narrowed_to_the_nearest_nets(seed: int, share: float, most: int) -> None:
    """Another limit may keep nets away from the one that was pressed."""
    probs = probabilities(seed)
    macs = Limit(metric=MACS, at_most=mean_macs(probs) / share)
    other = Limit(metric=PARAMETERS, at_most=sorted(map(PARAMETERS.of, NETS))[most])
    within = [net for net in NETS if MACS.of(net) <= macs.at_most and PARAMETERS.of(net) <= other.at_most]
    if pressed_limit(probs, SPACE, [macs, other]) != macs:
        return
    if not within:
        with pytest.raises(InfeasibleBudgetError):
            narrowed_limits(probs, SPACE, [macs, other])
        return
    nearest = min(group(net, macs.at_most) for net in within)
    least = [0.9, 0.8, 0.6, None][nearest]
    found, *others = narrowed_limits(probs, SPACE, [macs, other])
    assert found.at_least == (None if least is None else pytest.approx(least * macs.at_most))
    assert [evolve(found, at_least=None), *others] == [macs, other]


def test_limits_of_which_none_was_pressed_stay_as_they_are() -> None:
    limits = [Limit(metric=MACS, at_most=1e12)]
    assert narrowed_limits(probabilities(0), SPACE, limits) == limits


def test_limits_that_no_net_keeps_are_refused_at_once() -> None:
    with pytest.raises(InfeasibleBudgetError):
        most_probable_near_limit(probabilities(0), SPACE, [Limit(metric=MACS, at_most=1.0)])


def test_a_landing_without_a_latency_makes_use_of_the_limit_that_was_pressed() -> None:
    """Undecided gates: whatever is cheapest is a little more probable, and nets cost as much as they may on average."""
    probs = [torch.linspace(1.05, 0.95, count, dtype=torch.float64).softmax(0) for count in SPACE.options]
    entries = {one: TableEntry(workload=one, measurement=measurement(1.0)) for row in workloads(SPACE) for one in row}
    table = LatencyTable(device=DEVICE, measured_on="2026-01-02", entries=tuple(entries.values()))
    at_most = mean_macs(probs)
    limits = [Limit(metric=MACS, at_most=at_most)]
    most_probable = next(most_probable_within_budget(probs, SPACE, limits))

    def landed(at_most: float) -> Architecture:
        net = land_on_budget(probs, SPACE, table, Budget(macs=at_most)).result.architecture
        assert isinstance(net, Architecture)
        return net

    assert architecture_macs(most_probable) < 0.8 * at_most
    assert 0.9 * at_most <= architecture_macs(landed(at_most)) <= at_most
    unlimited = next(most_probable_within_budget(probs, SPACE, []))
    assert SPACE.choices(landed(2 * at_most)) == SPACE.choices(unlimited)


@pytest.mark.parametrize("budget", [Budget(macs=1e12), Budget(latency_ms=1e6)])
def test_a_landing_says_whether_the_most_probable_net_was_taken(budget: Budget) -> None:
    entries = {one: TableEntry(workload=one, measurement=measurement(1.0)) for row in workloads(SPACE) for one in row}
    table = LatencyTable(device=DEVICE, measured_on="2026-01-02", entries=tuple(entries.values()))
    probs = probabilities(0)
    assert land_on_budget(probs, SPACE, table, budget).by_probs
    chosen = land_on_budget(probs, SPACE, table, budget, choose=lambda limits: NETS[-1])
    assert (chosen.by_probs, chosen.result.architecture) == (False, NETS[-1])
