"""Choices that decide on costs together: the choice within a budget against going through all nets."""

import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from math import inf, log, nextafter, prod
from typing import cast

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from joint_spaces import WORKLOADS, JointSpace, joint_spaces, metric_by
from pnas_latency import (
    MACS,
    InfeasibleBudgetError,
    Limit,
    Metric,
    choose_within_budget,
    peak_activation_bytes,
)
from pnas_latency.choosing.bound import Bound
from pnas_latency.choosing.knapsack import least_choice
from pnas_latency.choosing.layers import LayeredProblem
from pnas_latency.choosing.prices import prices_of
from pnas_latency.metrics.joint import Joint
from pnas_ops import AnySpace, CostTerm, MBConvSpec, NetworkStage, digits_network_space

NETWORKS = evolve(
    digits_network_space(),
    resolutions=(8, 12),
    stages=(NetworkStage(widths=(3, 8), depths=(1, 2), stride=2), NetworkStage(widths=(4, 6), depths=(1, 2), stride=1)),
    candidates=(MBConvSpec(kernel_size=3, expansion=1), MBConvSpec(kernel_size=5, expansion=2)),
    head=evolve(digits_network_space().head, in_channels=6),
)
costs = st.one_of(
    st.sampled_from([0.1, 0.2, 0.3, 0.7, 1e-9, 1e6, 0.0]), st.floats(1e-20, 1e15), st.integers(0, 5).map(float)
)
weights = st.one_of(
    st.floats(1e-6, 1), st.sampled_from([0.0, 0.5, 0.25]), st.integers(0, 9).map(lambda i: 0.5 + i * 1e-7)
)


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    values = draw(st.lists(costs, min_size=len(WORKLOADS), max_size=len(WORKLOADS)))
    combine = draw(st.sampled_from(["sum", "sum", "max"]))
    return metric_by(
        dict(zip(WORKLOADS, values, strict=True)), combine=combine, constant=draw(st.sampled_from([0.0, 0.3]))
    )


def keeps(space: JointSpace, choices: Sequence[int], limits: Sequence[Limit]) -> bool:
    net = space.architecture(choices)
    return all((-inf if one.at_least is None else one.at_least) <= one.metric.of(net) <= one.at_most for one in limits)


def merit(space: JointSpace, choices: Sequence[int], probs: Sequence[Tensor]) -> tuple[int, Fraction]:
    """Fewer zeros first, then the product of the others."""
    counted = [p[choice].item() for p, choice in zip(probs, choices, strict=True)]
    return -counted.count(0.0), prod((Fraction(p) for p in counted if p), start=Fraction(1))


@settings(max_examples=80)
@given(st.data())
def test_is_the_most_probable_net_that_keeps_all_limits(data: st.DataObject) -> None:
    space = data.draw(joint_spaces())
    probs = [
        torch.tensor(data.draw(st.lists(weights, min_size=count, max_size=count)), dtype=torch.float64)
        for count in space.options
    ]
    limits = []
    for metric in data.draw(st.lists(metrics(), max_size=2)):
        found = sorted(metric.of(space.architecture(choices)) for choices in space.every())
        near = st.sampled_from(found).flatmap(
            lambda cost: st.sampled_from([cost, nextafter(cost, -inf), nextafter(cost, inf)])
        )
        low, high = sorted(data.draw(st.tuples(near, near)))
        limits.append(Limit(metric=metric, at_most=high, at_least=data.draw(st.sampled_from([None, low]))))
    fitting = [choices for choices in space.every() if keeps(space, choices, limits)]
    if not fitting:
        with pytest.raises(InfeasibleBudgetError, match="no net of 'joint'"):
            choose_within_budget(probs, cast(AnySpace, space), limits)
        return

    net = choose_within_budget(probs, cast(AnySpace, space), limits)

    taken = tuple(int(one) for one in net.name.strip("(,)").split(","))
    assert keeps(space, taken, limits)
    assert merit(space, taken, probs) == max(merit(space, choices, probs) for choices in fitting)


ONE_OR_NOTHING = JointSpace(options=(2,), terms=(CostTerm(choices=(0,), options=(2,), computed=((), (WORKLOADS[0],))),))


@settings(max_examples=30)
@given(joint_spaces(), metrics())
@example(ONE_OR_NOTHING, metric_by({WORKLOADS[0]: 0.1}, combine="max"))
def test_the_cheapest_and_the_dearest_net_are_those_of_all_nets(space: JointSpace, metric: Metric) -> None:
    found = [metric.of(space.architecture(choices)) for choices in space.every()]
    assert metric.of(metric.cheapest(cast(AnySpace, space))) == min(found)
    assert metric.of(metric.dearest(cast(AnySpace, space))) == max(found)


def chain(
    random_numbers: random.Random, *, stages: int, widths: int, blocks: int, kinds: int
) -> tuple[Joint, list[int]]:
    """Widths of stages, and the operations of their blocks: each block asks for its width and the one before."""
    scopes: list[tuple[int, ...]] = []
    options: list[int] = []
    before: tuple[int, ...] = ()
    for _ in range(stages):
        width = len(options)
        options += [widths, *[kinds] * blocks]
        scopes.append((*before, width, width + 1))
        scopes += [(width, width + 1 + block) for block in range(1, blocks)]
        before = (width,)
    sizes = [prod(options[number] for number in scope) for scope in scopes]
    return Joint(tuple(options), tuple(scopes)), sizes


def best_of_chain(
    joint: Joint, objective: Sequence[Sequence[float]], rows: Sequence[Sequence[int]], room: int
) -> float:
    """The least objective by a table of whole costs: a way of its own, layer by layer, each cost at a time."""
    best: dict[tuple[tuple[int, ...], int], float] = {((), 0): 0.0}
    known: list[int] = []
    for number, count in enumerate(joint.options):
        known.append(number)
        longer: dict[tuple[tuple[int, ...], int], float] = {}
        done = [t for t, scope in enumerate(joint.scopes) if max(scope) == number]
        for (taken, cost), value in best.items():
            for option in range(count):
                choice = (*taken, option)
                full = dict(zip(known, choice, strict=True))
                more = cost
                for term in done:
                    row = 0
                    for one in joint.scopes[term]:
                        row = row * joint.options[one] + full[one]
                    more += rows[term][row]
                total = value + objective[number][option]
                if more <= room and total < longer.get((choice, more), inf):
                    longer[choice, more] = total
        # What no later term asks for is forgotten.
        later = {one for term, scope in enumerate(joint.scopes) if max(scope) > number for one in scope}
        kept = [index for index, one in enumerate(known) if one in later]
        known = [known[index] for index in kept]
        best = {}
        for (taken, cost), value in longer.items():
            key = (tuple(taken[index] for index in kept), cost)
            best[key] = min(value, best.get(key, inf))
    return min(best.values(), default=inf)


@pytest.mark.parametrize("seed", range(2))
def test_a_long_chain_is_solved_and_proven(seed: int) -> None:
    """Five widths of four blocks of six operations each, some 10^18 nets."""
    numbers = random.Random(seed)
    joint, sizes = chain(numbers, stages=5, widths=3, blocks=4, kinds=6)
    objective = [[-log(numbers.random()) for _ in range(count)] for count in joint.options]
    rows = [[numbers.randrange(60) for _ in range(size)] for size in sizes]
    room = 500
    bound = Bound(costs=[[float(cost) for cost in row] for row in rows], joint=joint, at_most=float(room))
    found = least_choice(objective, [bound])
    assert found.better_by == 0
    assert found.choice is not None
    assert bound.holds(found.choice)
    total = sum(row[i] for row, i in zip(objective, found.choice, strict=True))
    assert total == pytest.approx(best_of_chain(joint, objective, rows, room), rel=1e-12)


def test_what_is_cut_short_says_so() -> None:
    numbers = random.Random(0)
    joint, sizes = chain(numbers, stages=3, widths=3, blocks=3, kinds=5)
    objective = [[-log(numbers.random()) for _ in range(count)] for count in joint.options]
    rows = [[numbers.random() for _ in range(size)] for size in sizes]
    bounds = [
        Bound(costs=rows, joint=joint, at_most=2.0),
        Bound(costs=[[-x for x in r] for r in rows], joint=joint, at_most=-1.99),
    ]
    whole = least_choice(objective, bounds)
    assert whole.better_by == 0
    assert whole.choice is not None
    best = sum(row[i] for row, i in zip(objective, whole.choice, strict=True))
    cut_short = [least_choice(objective, bounds, most_labels=most) for most in (50, 300, 1000, 3000)]
    assert any(one.better_by > 0 for one in cut_short)
    for one in cut_short:
        if one.choice is not None:
            assert all(bound.holds(one.choice) for bound in bounds)
            total = sum(row[i] for row, i in zip(objective, one.choice, strict=True))
            assert best - 1e-12 <= total <= best + one.better_by + 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_prices_bound_every_rest_of_a_choice_from_below(seed: int) -> None:
    numbers = random.Random(seed)
    joint, sizes = chain(numbers, stages=3, widths=3, blocks=2, kinds=4)
    metrics_of = [[[numbers.randrange(1000) for _ in range(size)] for size in sizes] for _ in range(3)]
    problem = LayeredProblem.of(joint, metrics_of)
    layers = problem.layers([4000, 1500, 1500])
    prices = prices_of(layers)
    for _ in range(300):
        begin = numbers.randrange(len(layers))
        first = state = numbers.randrange(len(layers[begin].costs[0][0]) // layers[begin].options)
        cost, needs = 0.0, [0.0, 0.0]
        for layer in layers[begin:]:
            arc = state * layer.options + numbers.randrange(layer.options)
            cost += layer.shares[0][arc]
            needs = [need + share[arc] for need, share in zip(needs, layer.shares[1:], strict=True)]
            state = int(layer.after[arc])
        bound = prices.at_least(begin, np.array([first]), [np.array([need]) for need in needs])
        assert bound[0] <= cost + 1e-12
    whole = least_choice(
        metrics_of[0],
        [
            Bound(costs=rows, joint=joint, at_most=1500 + least)
            for rows, least in zip(metrics_of[1:], problem.least[1:], strict=True)
        ],
        joint=joint,
    )
    assert whole.choice is not None
    best = sum(row[i] for row, i in zip(metrics_of[0], joint.rows(whole.choice), strict=True)) - problem.least[0]
    at_first = prices.at_least(0, np.zeros(1, np.int64), [np.ones(1), np.ones(1)])[0] * 4000
    assert 0.5 * best <= at_first <= best


def test_a_chain_remembers_one_width_at_a_time() -> None:
    joint, _ = chain(random.Random(0), stages=6, widths=4, blocks=3, kinds=5)
    remembered = [prod(joint.shape(step.before)) for step in joint.steps()]
    assert max(remembered) <= 4 * 4
    assert sorted(step.choice for step in joint.steps()) == [*range(len(joint.options))]


@given(joint_spaces())
def test_each_term_is_known_just_once_and_with_its_last_choice(space: JointSpace) -> None:
    joint = Joint(space.options, tuple(term.choices for term in space.terms))
    taken: set[int] = set()
    known: list[int] = []
    for step in joint.steps():
        assert {*step.before} <= taken
        taken.add(step.choice)
        for term in step.complete:
            assert {*joint.scopes[term]} <= {*step.axes}
            assert step.choice in joint.scopes[term]
        known += step.complete
    assert sorted(known) == [*range(len(joint.scopes))]


def test_what_every_net_costs_counts_in_bounds_on_terms_of_several_choices() -> None:
    macs = evolve(MACS, constant=1000.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        choices = NETWORKS.sample_choices(generator)
        cost = macs.of(NETWORKS.architecture(choices))
        assert cost == MACS.of(NETWORKS.architecture(choices)) + 1000
        for at_most in (cost, cost - 1):
            (bound,) = Limit(metric=macs, at_most=at_most).bounds(NETWORKS)
            assert bound.joint is not None
            assert bound.holds(choices) == (cost <= at_most)


def test_shared_blocks_are_no_matter_of_such_a_space() -> None:
    bound = Bound(costs=[[0.0] * 4], joint=Joint((2, 2), ((0, 1),)), at_most=1.0)
    with pytest.raises(ValueError, match="the space itself says which blocks share one"):
        bound.of_choices([[0, 1]])
    assert [bound.holds(choice) for choice in product(range(2), repeat=2)] == [True] * 4


def test_without_limits_it_is_the_net_that_a_search_derives() -> None:
    """Where blocks beyond a depth mean nothing, and nets of fewer blocks would be more probable than any other."""
    space, generator = digits_network_space(), torch.Generator().manual_seed(0)
    probs = [torch.randn(count, generator=generator, dtype=torch.float64).softmax(0) for count in space.options]
    most = space.architecture([int(p.argmax()) for p in probs], name="found")
    assert choose_within_budget(probs, space, [], name="found") == most
    loose = [Limit(metric=MACS, at_most=MACS.of(space.widest) * 10)]
    assert choose_within_budget(probs, space, loose, name="found") == most


@pytest.mark.parametrize("combine", ["sum", "max"])
def test_widths_and_depths_are_chosen_within_limits_as_going_through_all_nets_does(combine: str) -> None:
    metric = MACS if combine == "sum" else peak_activation_bytes("int8")
    generator = torch.Generator().manual_seed(1)
    probs = [torch.randn(count, generator=generator, dtype=torch.float64).softmax(0) for count in NETWORKS.options]
    every = {choices: NETWORKS.architecture(choices) for choices in product(*map(range, NETWORKS.options))}
    cost = {choices: metric.of(net) for choices, net in every.items()}
    for share in (0.1, 0.5, 0.9):
        at_most = sorted(cost.values())[int(share * len(cost))]
        net = choose_within_budget(probs, NETWORKS, [Limit(metric=metric, at_most=at_most)])
        best = max(
            (c for c in every if cost[c] <= at_most),
            key=lambda c: prod(float(p[i]) for p, i in zip(probs, c, strict=True)),
        )
        assert net == every[best]
        assert metric.of(net) <= at_most
    mean = sum(prod(float(p[i]) for p, i in zip(probs, c, strict=True)) * cost[c] for c in every)
    assert float(metric.expected(probs, NETWORKS)) == pytest.approx(mean, rel=1e-9)
