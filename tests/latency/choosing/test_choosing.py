"""The most probable net within a budget against going through all nets."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import inf, log, nextafter, prod

import pytest
import torch
from attrs import evolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from torch import Tensor

from pnas_latency import (
    MACS,
    PARAMETERS,
    InfeasibleBudgetError,
    Limit,
    Metric,
    UnprovenChoiceWarning,
    choose_within_budget,
)
from pnas_latency.choosing import within_budget
from pnas_latency.choosing.knapsack import Solution
from pnas_ops import Architecture, BlockSpec, ClassifierSpec, ConvSpec, SearchSpace, Stage, Workload, workloads
from tables import uniform_table

plain_costs = st.one_of(
    st.sampled_from([0.1, 0.2, 0.3, 0.7, 1e-9, 1e6]),
    st.floats(1e-20, 1e15),
    st.integers(0, 10**9).map(float),
    st.just(0.0),
)


def small_space(depth: int, candidates: int) -> SearchSpace:
    """A space of `depth` blocks with as many candidates each, each block of another shape than all others."""
    kernels = (1, 3, 5, 7, 9)[:candidates]
    return SearchSpace(
        name="small",
        resolution=8,
        stem=(BlockSpec(op=ConvSpec(kernel_size=3), in_channels=3, out_channels=1),),
        stages=tuple(Stage(width=2 + block, depth=1, stride=1) for block in range(depth)),
        candidates=tuple(ConvSpec(kernel_size=kernel) for kernel in kernels),
        head=BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=1 + depth, out_channels=2),
    )


def metric_of(space: SearchSpace, costs: Sequence[float], combine: str = "sum", constant: float = 0.0) -> Metric:
    """The workloads of `space`, in order, cost `costs`."""
    table = dict(zip((w for row in workloads(space) for w in row), costs, strict=True))

    def rows(of: Sequence[Sequence[Workload]]) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(table[workload] for workload in row) for row in of)

    return Metric(name=combine, unit="ms", rows=rows, combine=combine, constant=constant)  # type: ignore[arg-type]


spaces = st.builds(small_space, st.integers(1, 4), st.integers(1, 4))


@st.composite
def metrics(draw: DrawFn, space: SearchSpace, combine: str | None = None) -> Metric:
    """Sums and maxima with costs of their own for every workload."""
    count = sum(map(len, workloads(space)))
    costs = draw(st.lists(plain_costs, min_size=count, max_size=count))
    return metric_of(
        space, costs, combine or draw(st.sampled_from(["sum", "max"])), draw(st.floats(-10, 10) | st.just(0.0))
    )


def nets(space: SearchSpace) -> Iterator[Architecture]:
    """All nets of `space`."""
    return (space.architecture(choice) for choice in product(*(range(len(row)) for row in space.mixed)))


def costs_of(space: SearchSpace, metric: Metric) -> list[float]:
    """What all nets of `space` cost, sorted."""
    return sorted(map(metric.of, nets(space)))


@st.composite
def limits(draw: DrawFn, space: SearchSpace) -> Limit:
    """At, just below and between the costs of nets; with and without a lower end."""
    metric = draw(metrics(space))
    costs = st.sampled_from(costs_of(space, metric))
    near: SearchStrategy[float] = st.one_of(
        costs,
        costs.map(lambda c: nextafter(c, -inf)),
        costs.map(lambda c: c * (1 + 1e-9)),
        costs.map(lambda c: c - 1e-9),
    )
    ends = sorted(draw(st.tuples(near, near)))
    return Limit(metric=metric, at_most=ends[1], at_least=draw(st.sampled_from([None, ends[0]])))


# Of any size, nearly tied, tied, zero, and too small for the logarithm of a float32.
weights = st.one_of(
    st.floats(1e-6, 1), st.sampled_from([0.0, 0.0, 0.5, 0.25, 1e-42]), st.integers(0, 9).map(lambda i: 0.5 + i * 1e-7)
)


@st.composite
def probabilities(draw: DrawFn, space: SearchSpace) -> list[Tensor]:
    """For every searched block, not normalized."""
    rows = [draw(st.lists(weights, min_size=len(row), max_size=len(row))) for row in space.mixed]
    return [torch.tensor(row, dtype=draw(st.sampled_from([torch.float32, torch.float64]))) for row in rows]


def keeps(net: Architecture, limits: Sequence[Limit]) -> bool:
    return all((-inf if li.at_least is None else li.at_least) <= li.metric.of(net) <= li.at_most for li in limits)


def merit(net: Architecture, probs: Sequence[Tensor], space: SearchSpace) -> tuple[int, float]:
    """Fewer zeros first, then the log-probability of the others."""
    chosen = [p[i].item() for p, i in zip(probs, space.choices(net), strict=True)]
    return -chosen.count(0.0), sum(log(p) for p in chosen if p)


@settings(max_examples=100)
@given(st.data())
def test_is_the_most_probable_net_that_keeps_all_limits(data: st.DataObject) -> None:
    space = data.draw(spaces)
    probs = data.draw(probabilities(space))
    chosen_limits = data.draw(st.lists(limits(space), max_size=3))
    fitting = [net for net in nets(space) if keeps(net, chosen_limits)]
    if not fitting:
        with pytest.raises(InfeasibleBudgetError, match="no net of 'small'") as caught:
            choose_within_budget(probs, space, chosen_limits)
        assert "\n" not in str(caught.value)
        return

    net = choose_within_budget(probs, space, chosen_limits, name="found")

    assert net.name == "found"
    assert keeps(net, chosen_limits)
    zeros, found = merit(net, probs, space)
    best_zeros, best = max(merit(other, probs, space) for other in fitting)
    assert zeros == best_zeros
    # But for the rounding of the sums here.
    assert found >= best - 1e-12


@settings(max_examples=40)
@given(st.data())
def test_differences_far_below_those_of_float32_decide(data: st.DataObject) -> None:
    space = small_space(3, 3)
    metric = data.draw(metrics(space, "sum"))
    limit = Limit(metric=metric, at_most=data.draw(st.sampled_from(costs_of(space, metric))))
    steps = data.draw(st.permutations(range(9)))
    # Sums of different subsets are at least 1e-9 apart, and the largest difference is 256e-9.
    probs = [
        torch.tensor([0.5 + 2.0 ** steps[3 * b + i] * 1e-9 for i in range(3)], dtype=torch.float64) for b in range(3)
    ]
    net = choose_within_budget(probs, space, [limit])
    best = max((n for n in nets(space) if keeps(n, [limit])), key=lambda n: merit(n, probs, space))
    assert net.blocks == best.blocks


def test_the_product_of_the_probabilities_decides_and_not_their_sum() -> None:
    space = small_space(2, 2)
    # One dear candidate is allowed: 0.5 * 0.4 is four times 0.05 * 0.9, though 0.05 + 0.9 is above 0.5 + 0.4.
    limit = Limit(metric=metric_of(space, [0.0, 1.0, 2.0, 1.0, 2.0, 0.0]), at_most=3.0)
    probs = [torch.tensor([0.5, 0.9]), torch.tensor([0.05, 0.4])]
    assert space.choices(choose_within_budget(probs, space, [limit])) == (0, 1)


@settings(max_examples=40)
@given(st.data())
def test_of_spread_probabilities_the_largest_product_within_a_binding_limit_is_taken(data: st.DataObject) -> None:
    """The dearer candidate is the more probable one; the sum of probabilities differs in two of five such cases."""
    space = small_space(3, 3)
    spread = st.permutations([Fraction(1, 2), Fraction(1, 20), Fraction(1, 200), Fraction(9, 10), Fraction(2, 5)])
    rows = [sorted(data.draw(spread)[:3]) for _ in space.mixed]
    steps = [sorted(data.draw(st.permutations([1.0, 2.0, 4.0, 7.0]))[:3]) for _ in space.mixed]
    metric = metric_of(space, [0.0, *(cost for row in steps for cost in row), 0.0])

    def probability(net: Architecture) -> Fraction:
        return prod((row[i] for row, i in zip(rows, space.choices(net), strict=True)), start=Fraction(1))

    likeliest = max(nets(space), key=probability)
    below = [cost for cost in costs_of(space, metric) if cost < metric.of(likeliest)]
    assume(below)
    limit = Limit(metric=metric, at_most=data.draw(st.sampled_from(below)))

    probs = [torch.tensor([float(p) for p in row], dtype=torch.float64) for row in rows]
    net = choose_within_budget(probs, space, [limit])

    assert keeps(net, [limit])
    assert probability(net) == max(probability(other) for other in nets(space) if keeps(other, [limit]))


def test_without_limits_it_takes_the_most_probable_candidates() -> None:
    space = small_space(2, 3)
    probs = [torch.tensor([0.2, 0.5, 0.3]), torch.tensor([0.1, 0.1, 0.8], requires_grad=True)]
    assert space.choices(choose_within_budget(probs, space, [])) == (1, 2)
    assert choose_within_budget(probs, space, []).name == "small"


def test_a_net_that_costs_exactly_the_limit_is_within_it_and_one_of_the_next_number_is_not() -> None:
    space = small_space(3, 2)
    # Thirds and tenths: no sum of these is exact.
    metric = metric_of(space, [0.1, 1 / 3, 0.7, 0.1, 2 / 3, 1 / 3, 0.9, 0.2])
    probs = [torch.tensor([0.1, 0.9])] * 3
    cost = metric.of(space.architecture([1, 1, 1]))
    at = choose_within_budget(probs, space, [Limit(metric=metric, at_most=cost)])
    below = choose_within_budget(probs, space, [Limit(metric=metric, at_most=nextafter(cost, 0))])
    assert space.choices(at) == (1, 1, 1)
    assert space.choices(below).count(1) == 2
    dear = [torch.tensor([0.9, 0.1])] * 3
    assert space.choices(choose_within_budget(dear, space, [Limit(metric=metric, at_most=9, at_least=cost)])) == (
        1,
        1,
        1,
    )


def test_many_nets_just_above_the_limit_are_told_from_those_within() -> None:
    """All dear nets miss the budget by less than a solver's tolerance."""
    space = small_space(4, 2)
    metric = metric_of(space, [0.0, *[1.0, 1.0 + 1e-12] * 4, 0.0])
    net = choose_within_budget([torch.tensor([0.1, 0.9])] * 4, space, [Limit(metric=metric, at_most=4.0 + 1.5e-12)])
    assert space.choices(net).count(1) == 1
    assert metric.of(net) <= 4.0 + 1.5e-12


def test_a_probability_of_zero_is_a_last_resort() -> None:
    space = small_space(3, 2)
    metric = metric_of(space, [0.0, 1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 0.0])
    probs = [torch.tensor([0.0, 1.0]), torch.tensor([1e-42, 1.0]), torch.tensor([0.0, 1.0])]
    chosen = [
        space.choices(choose_within_budget(probs, space, [Limit(metric=metric, at_most=m)])) for m in (9, 7, 5, 3)
    ]
    assert chosen[:2] == [(1, 1, 1), (1, 0, 1)]
    # One of the two equally impossible nets, not both zeros.
    assert chosen[2] in [(0, 0, 1), (1, 0, 0)]
    assert chosen[3] == (0, 0, 0)


def test_a_choice_that_is_not_proven_says_how_much_more_probable_another_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space = small_space(2, 2)
    limit = Limit(metric=metric_of(space, [0.0, 1.0, 2.0, 1.0, 2.0, 0.0]), at_most=3.0, at_least=2.5)
    probs = [torch.tensor([0.5, 0.5])] * 2
    monkeypatch.setattr(within_budget, "least_choice", lambda *_, **__: Solution(choice=(0, 1), better_by=log(3)))
    with pytest.warns(UnprovenChoiceWarning, match=r"from 'small' keeps the limits, .* be up to 3 times as") as caught:
        assert space.choices(choose_within_budget(probs, space, [limit])) == (0, 1)
    (warning,) = (one.message for one in caught)
    assert isinstance(warning, UnprovenChoiceWarning)
    assert warning.times_as_probable == pytest.approx(3)

    monkeypatch.setattr(within_budget, "least_choice", lambda *_, **__: Solution(choice=None, better_by=inf))
    with pytest.raises(InfeasibleBudgetError) as undecided:
        choose_within_budget(probs, space, [limit])
    assert str(undecided.value) == (
        "of the many nets of 'small' none was found that takes between 2.5 and 3 ms sum; there may be one: "
        "loosen one of the limits"
    )


def test_is_the_same_each_time() -> None:
    space = small_space(3, 3)
    limit = Limit(metric=MACS, at_most=costs_of(space, MACS)[13])
    probs = [torch.full((3,), 1 / 3)] * 3
    assert len({choose_within_budget(probs, space, [limit]) for _ in range(5)}) == 1


@settings(max_examples=40)
@given(st.data())
def test_the_cheapest_net_is_reported_where_none_is_cheap_enough(data: st.DataObject) -> None:
    space = data.draw(spaces)
    metric = data.draw(metrics(space))
    least = costs_of(space, metric)[0]
    limit = Limit(metric=metric, at_most=nextafter(least, -inf))
    with pytest.raises(
        InfeasibleBudgetError, match=r"at most .* ms \w+: the cheapest takes .* ms .*: raise the limit"
    ) as caught:
        choose_within_budget(data.draw(probabilities(space)), space, [limit])
    assert metric.of(caught.value.cheapest) == least
    # A limit that is copied from the message can be kept.
    copied = float(str(caught.value).split("the cheapest takes ")[1].split(" ms")[0])
    assert (
        metric.of(
            choose_within_budget([torch.ones(len(r)) for r in space.mixed], space, [evolve(limit, at_most=copied)])
        )
        <= copied
    )


@settings(max_examples=60)
@given(st.data())
def test_an_empty_window_is_reported_with_the_costs_on_both_sides(data: st.DataObject) -> None:
    space = data.draw(spaces)
    metric = data.draw(metrics(space))
    costs = sorted(set(costs_of(space, metric)))
    assume(len(costs) > 1)
    at = data.draw(st.integers(1, len(costs) - 1))
    low, high = nextafter(costs[at - 1], inf), nextafter(costs[at], -inf)
    assume(low <= high)
    limit = Limit(metric=metric, at_most=high, at_least=low)
    with pytest.raises(InfeasibleBudgetError, match=r"between .* and .* ms") as caught:
        choose_within_budget(data.draw(probabilities(space)), space, [limit])
    nearest = str(caught.value).split("the nearest take ")[1].removesuffix(": widen the window")
    below, above = (float(cost.removesuffix(" ms")) for cost in nearest.split(" and "))
    assert below <= costs[at - 1] == pytest.approx(below, rel=1e-2)
    assert above >= costs[at] == pytest.approx(above, rel=1e-2)


def test_messages() -> None:
    space = small_space(2, 2)
    one = metric_of(space, [0.25, 1.0, 3.0, 1.0, 3.0, 0.25], constant=0.5)
    other = evolve(metric_of(space, [0.0, 3.0, 1.0, 3.0, 1.0, 0.0]), name="energy", unit="mJ")
    most = metric_of(space, [2.0, 1.0, 4.0, 1.0, 6.0, 0.0], "max")
    cases = [
        (
            [Limit(metric=one, at_most=2.0)],
            "no net of 'small' takes at most 2 ms sum: the cheapest takes 3 ms (without the searched blocks 1 ms): "
            "raise the limit",
        ),
        (
            [Limit(metric=one, at_most=9.0), Limit(metric=most, at_most=1.5)],
            "no net of 'small' takes at most 1.5 ms max: the cheapest takes 2 ms (without the searched blocks 2 ms): "
            "raise the limit",
        ),
        (
            [Limit(metric=one, at_most=20000000.0, at_least=8.0)],
            "no net of 'small' takes between 8 and 20000000 ms sum: the dearest takes 7 ms: lower the limit",
        ),
        (
            [Limit(metric=one, at_most=4.5, at_least=3.5)],
            "no net of 'small' takes between 3.5 and 4.5 ms sum: the nearest take 3 ms and 5 ms: widen the window",
        ),
        (
            [Limit(metric=most, at_most=3.5, at_least=2.5)],
            "no net of 'small' takes between 2.5 and 3.5 ms max: the nearest take 2 ms and 4 ms: widen the window",
        ),
        (
            [Limit(metric=one, at_most=4.0), Limit(metric=other, at_most=4.0)],
            "no net of 'small' keeps all limits at once, though each can be kept alone: at most 4 ms sum (the cheapest "
            "takes 3 ms), at most 4 mJ energy (the cheapest takes 2 mJ): loosen one of them",
        ),
    ]
    for given_limits, message in cases:
        with pytest.raises(InfeasibleBudgetError) as caught:
            choose_within_budget([torch.full((2,), 0.5)] * 2, space, given_limits)
        assert str(caught.value) == message
        assert caught.value.way_out == message.rpartition(": ")[2]
        assert caught.value.what == message.rpartition(": ")[0]
    # That of the last case, in the metric of its first limit.
    assert space.choices(caught.value.cheapest) == (0, 0)


@given(st.data())
def test_a_metric_knows_its_cheapest_net(data: st.DataObject) -> None:
    space = data.draw(spaces)
    metric = data.draw(metrics(space))
    net = metric.cheapest(space)
    assert net.name == "cheapest"
    assert metric.of(net) == costs_of(space, metric)[0]


def test_metrics_of_nets_can_be_limited_together() -> None:
    space = small_space(3, 4)
    table = uniform_table(space)
    chosen = [
        Limit(metric=table.metric(), at_most=5.0),
        Limit(metric=MACS, at_most=costs_of(space, MACS)[30]),
        Limit(metric=PARAMETERS, at_most=1e9, at_least=costs_of(space, PARAMETERS)[10]),
    ]
    probs = [torch.tensor([0.1, 0.2, 0.3, 0.4]).roll(b) for b in range(3)]
    best = max((net for net in nets(space) if keeps(net, chosen)), key=lambda net: merit(net, probs, space))
    assert choose_within_budget(probs, space, chosen).blocks == best.blocks


def test_refuses_what_has_no_meaning() -> None:
    space = small_space(2, 2)
    with pytest.raises(ValueError, match=r"'at_least' must be <= 'at_most': 2\.0 and 1\.0"):
        Limit(metric=MACS, at_most=1.0, at_least=2.0)
    with pytest.raises(ValueError, match=r"'at_most' must be a number from .*, got inf"):
        Limit(metric=MACS, at_most=inf)
    with pytest.raises(ValueError, match=r"'at_least' must be a number from .*, got nan"):
        Limit(metric=MACS, at_most=1.0, at_least=float("nan"))
    with pytest.raises(ValueError, match="probabilities of 1 blocks, space 'small' has 2 searched ones"):
        choose_within_budget([torch.ones(2)], space, [])
    with pytest.raises(ValueError, match=r"block 1 has probabilities of shape \(3,\) and 2 candidates"):
        choose_within_budget([torch.ones(2), torch.ones(3)], space, [])
    with pytest.raises(ValueError, match=r"block 0 has probabilities that are negative or not finite: .*nan"):
        choose_within_budget([torch.tensor([0.5, float("nan")]), torch.ones(2)], space, [])
    broken = metric_of(space, [0.0, 1.0, inf, 1.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="sum of 'small' has costs that are not finite"):
        choose_within_budget([torch.ones(2)] * 2, space, [Limit(metric=broken, at_most=1.0)])
