"""The most probable nets one after another, against going through all nets."""

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from itertools import islice, pairwise, product
from math import inf
from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joint_spaces import joint_spaces
from latency.choosing import test_choosing as independent
from latency.choosing import test_joint_choices as joint
from pnas_latency import (
    MACS,
    FewerNetsWarning,
    InfeasibleBudgetError,
    Limit,
    choose_within_budget,
    most_probable_within_budget,
)
from pnas_latency.choosing import most_probable
from pnas_latency.choosing.best_first import TooManyChoicesError, in_order
from pnas_latency.choosing.bound import Bound, Choice
from pnas_ops import AnyNet, AnySpace, cifar_mbconv_space, digits_mbconv_space, imagenet_mbconv_space

Merit = tuple[int, Fraction]


def merit(choices: Sequence[int], probs: Sequence[Tensor]) -> Merit:
    """Fewer zeros first, then the product of the others, exactly."""
    taken = [Fraction(row.double()[choice].item()) for row, choice in zip(probs, choices, strict=True)]
    result = Fraction(1)
    for probability in filter(None, taken):
        result *= probability
    return -taken.count(Fraction(0)), result


def keeps(net: AnyNet, limits: Sequence[Limit]) -> bool:
    return all(
        (-inf if limit.at_least is None else limit.at_least) <= limit.metric.of(net) <= limit.at_most
        for limit in limits
    )


@settings(max_examples=30)
@given(st.data())
def test_all_nets_within_the_limits_come_once_and_in_order(data: st.DataObject) -> None:
    space = data.draw(independent.spaces)
    probs = data.draw(independent.probabilities(space))
    limits = data.draw(st.lists(independent.limits(space), max_size=2))
    fitting = [net for net in independent.nets(space) if keeps(net, limits)]
    if not fitting:
        with pytest.raises(InfeasibleBudgetError):
            most_probable_within_budget(probs, space, limits)
        return
    found = [*most_probable_within_budget(probs, space, limits)]
    assert {space.choices(net) for net in found} == {space.choices(net) for net in fitting}
    assert len(found) == len(fitting)
    merits = [merit(space.choices(net), probs) for net in found]
    assert merits == sorted(merits, reverse=True)
    assert merits[0] == merit(space.choices(choose_within_budget(probs, space, limits)), probs)


@settings(max_examples=30)
@given(st.data())
def test_where_choices_decide_on_costs_together_too(data: st.DataObject) -> None:
    space = data.draw(joint_spaces())
    as_space = cast(AnySpace, space)
    probs = [
        torch.tensor(data.draw(st.lists(joint.weights, min_size=count, max_size=count)), dtype=torch.float64)
        for count in space.options
    ]
    metric = data.draw(joint.metrics())
    costs = sorted(metric.of(space.architecture(choices)) for choices in space.every())
    limits = [Limit(metric=metric, at_most=data.draw(st.sampled_from(costs)))]
    fitting = [choices for choices in space.every() if keeps(space.architecture(choices), limits)]
    found = [*most_probable_within_budget(probs, as_space, limits)]
    # Each net is named by its choices.
    by_name = {space.architecture(choices).name: choices for choices in fitting}
    assert sorted(net.name for net in found) == sorted(by_name)
    merits = [merit(by_name[net.name], probs) for net in found]
    assert merits == sorted(merits, reverse=True)


def test_a_net_of_which_several_choices_mean_nothing_comes_once() -> None:
    space = joint.NETWORKS
    ways = {choices: space.choices(space.architecture(choices)) for choices in product(*map(range, space.options))}
    macs = {choices: MACS.of(space.architecture(choices)) for choices in {*ways.values()}}
    for seed, share in [(0, 0.4), (1, 0.7), (2, 1.0)]:
        generator = torch.Generator().manual_seed(seed)
        probs = [torch.rand(count, generator=generator, dtype=torch.float64) for count in space.options]
        best: dict[Choice, Merit] = {}
        for choices, of_net in ways.items():
            best[of_net] = max(best.get(of_net, (-99, Fraction(0))), merit(choices, probs))
        limit = Limit(metric=MACS, at_most=share * max(macs.values()))
        expected = {choices: value for choices, value in best.items() if macs[choices] <= limit.at_most}
        found = [space.choices(net) for net in most_probable_within_budget(probs, space, [limit])]
        assert len(found) == len({*found}) == len(expected)
        assert [expected[choices] for choices in found] == sorted(expected.values(), reverse=True)


def test_blocks_that_share_their_choice_take_the_same() -> None:
    space = digits_mbconv_space(blocks_per_stage=2)
    generator = torch.Generator().manual_seed(0)
    same = torch.rand(6, generator=generator)  # the first block of a stage has no Zero
    probs = [same, torch.rand(7, generator=generator), same, torch.rand(7, generator=generator)]
    limits = [Limit(metric=MACS, at_most=0.5 * MACS.of(MACS.dearest(space)))]
    shared = (0, 1, 0, 2)
    fitting = [
        merit([a, b, c], [same, probs[1], probs[3]])
        for a, b, c in product(range(6), range(7), range(7))
        if keeps(space.architecture([a, b, a, c]), limits)
    ]
    found = [space.choices(net) for net in most_probable_within_budget(probs, space, limits, shared=shared)]
    assert all(first == third for first, _, third, _ in found)
    assert [merit([a, b, d], [same, probs[1], probs[3]]) for a, b, _, d in found] == sorted(fitting, reverse=True)


@pytest.mark.parametrize("share", [None, 0.3, 0.6])
def test_a_large_space_gives_some_dozens_at_once(share: float | None) -> None:
    space = imagenet_mbconv_space()
    generator = torch.Generator().manual_seed(1)
    probs = [torch.randn(count, generator=generator, dtype=torch.float64).softmax(0) for count in space.options]
    most = MACS.of(MACS.dearest(space))
    limits = [] if share is None else [Limit(metric=MACS, at_most=share * most, at_least=0.95 * share * most)]
    found = [*islice(most_probable_within_budget(probs, space, limits, name="one"), 30)]
    assert found[0] == choose_within_budget(probs, space, limits, name="one")
    assert all(keeps(net, limits) for net in found)
    choices = [space.choices(net) for net in found]
    assert len({*choices}) == 30
    merits = [merit(one, probs) for one in choices]
    assert merits == sorted(merits, reverse=True)
    # Nothing better is near: each change of a single choice of the first is listed, or less probable than the last.
    for net in space.neighbours(found[0]):
        if keeps(net, limits):
            one = space.choices(net)
            assert one in choices or merit(one, probs) <= merits[-1]


def test_where_all_are_equally_probable_the_order_is_always_the_same() -> None:
    space = cifar_mbconv_space()
    probs = [torch.full((count,), 1 / count) for count in space.options]
    limits = [Limit(metric=MACS, at_most=8e6, at_least=7.9e6)]
    first, second = ([*islice(most_probable_within_budget(probs, space, limits), 20)] for _ in range(2))
    assert first == second
    assert len({space.choices(net) for net in first}) == 20


def test_what_takes_too_long_ends_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    space = cifar_mbconv_space()
    probs = [torch.full((count,), 1 / count) for count in space.options]
    monkeypatch.setattr(most_probable, "in_order", partial(in_order, most_partial=60))
    limits = [Limit(metric=MACS, at_most=8e6)]
    with pytest.warns(FewerNetsWarning, match=r"of the nets of 'cifar-mbconv.*' the .* within the limits were found"):
        found = [*most_probable_within_budget(probs, space, limits)]
    assert found[0] == choose_within_budget(probs, space, limits)
    with pytest.raises(TooManyChoicesError):
        next(in_order([[0.0, 1.0]] * 9, [], most_partial=3))


def test_bounds_that_cannot_be_kept_give_nothing() -> None:
    rows = [[0.0, 1.0], [2.0, 3.0]]
    assert [*in_order(rows, [Bound(costs=rows, at_most=1.0)])] == []
    assert [*in_order(rows, [Bound(costs=rows, at_most=2.0)])] == [(0, 0)]


def test_adjacent_ones_differ() -> None:
    found = [*in_order([[0.0, 0.0, 0.5], [0.0, 0.25]], [])]
    assert found == [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (2, 1)]
    assert all(one != other for one, other in pairwise(found))
