"""Strategies that need neither costs nor a supernet."""

from collections.abc import Sequence
from itertools import islice

import pytest
import torch
from attrs import evolve

from pnas_ops import (
    Choices,
    FeasibleNets,
    LocalSearch,
    PredictorSearch,
    RandomSearch,
    RegularizedEvolution,
    Trial,
    nas_bench_macro_space,
)
from tiny_spaces import BLOCKS, every_net, generators

MACRO = FeasibleNets(space=nas_bench_macro_space())


def _trial(choices: Sequence[int], value: float) -> Trial:
    return Trial(choices=tuple(choices), value=value)


def _distance(one: Choices | None, other: Choices) -> int:
    assert one is not None
    return sum(a != b for a, b in zip(one, other, strict=True))


def test_the_oldest_net_dies_however_good_it_is() -> None:
    search = RegularizedEvolution(nets=MACRO, population=4, tournament=20)
    best, good = (0,) * 8, (2,) * 8
    search.tell(_trial(best, 0.9))
    for choices, value in ((good, 0.8), ((1,) * 8, 0.1), ((0, 1) * 4, 0.1)):
        search.tell(_trial(choices, value))
    # A tournament of 20 among 4 misses one of them in 0.3 % of all cases.
    assert all(_distance(search.ask(generator), best) <= 3 for generator in islice(generators(), 10))
    search.tell(_trial((1, 2) * 4, 0.1))
    assert all(_distance(search.ask(generator), good) <= 3 for generator in islice(generators(), 10))


def test_a_tournament_of_one_takes_parents_for_no_merit() -> None:
    search = RegularizedEvolution(nets=MACRO, population=2, tournament=1)
    search.tell(_trial((0,) * 8, 0.9))
    search.tell(_trial((2,) * 8, 0.1))
    children = [search.ask(generator) for generator in islice(generators(), 40)]
    of_the_worse = sum(_distance(child, (2,) * 8) < _distance(child, (0,) * 8) for child in children)
    assert 10 <= of_the_worse <= 30


def test_local_search_goes_uphill_and_begins_anew_at_the_top() -> None:
    nets = FeasibleNets(space=BLOCKS, fits=lambda choices: choices != (0, 0, 0, 0))
    values = {choices: float(sum(choices)) for choices in every_net(BLOCKS)}
    top = max(values, key=lambda choices: values[choices])
    search = LocalSearch(nets=nets)
    found: list[Choices] = [(0, 1, 0, 0)]
    search.tell(_trial(found[0], values[found[0]]))
    for generator in islice(generators(), 20):
        here = max(found, key=lambda choices: values[choices])
        asked = search.ask(generator, taken=found)
        if found[-1] == top or values[here] == values[top]:
            break
        assert _distance(asked, here) == 1
        assert asked is not None
        found.append(asked)
        search.tell(_trial(asked, values[asked]))
    around = [choices for choices in values if _distance(choices, top) == 1]
    for choices in around:
        search.tell(_trial(choices, values[choices]))
    far = search.ask(torch.Generator().manual_seed(0), taken=[*found, *around])
    assert _distance(far, top) > 1
    assert far is not None
    search.tell(_trial(far, values[far]))
    following = search.ask(torch.Generator().manual_seed(0), taken=[*found, *around, far])
    assert _distance(following, far) == 1


def test_local_search_waits_at_a_net_for_its_neighbours() -> None:
    search = LocalSearch(nets=FeasibleNets(space=BLOCKS))
    here = (1, 1, 1, 1)
    search.tell(_trial(here, 0.5))
    search.tell(_trial((0, 0, 0, 0), 0.1))  # of somebody else, and worse
    assert _distance(search.ask(torch.Generator().manual_seed(0), taken=[here, (0, 0, 0, 0)]), here) == 1


def test_a_predictor_finds_what_random_search_does_not() -> None:
    weights = torch.rand(8, 3, generator=torch.Generator().manual_seed(1))

    def value(choices: Choices) -> float:
        return float(sum(row[choice] for row, choice in zip(weights, choices, strict=True)))

    def best_of(search: RandomSearch | PredictorSearch, count: int) -> float:
        found: dict[Choices, float] = {}
        for generator in islice(generators(), count):
            choices = search.ask(generator, taken=found.keys())
            assert choices is not None
            found[choices] = value(choices)
            search.tell(_trial(choices, found[choices]))
        return max(found.values())

    best = float(weights.amax(1).sum())
    assert best - best_of(RandomSearch(nets=MACRO), 40) > 0.2
    assert best - best_of(PredictorSearch(nets=MACRO), 40) < 0.05


def test_names_what_no_strategy_can_have() -> None:
    with pytest.raises(ValueError, match="'population' must be a whole number"):
        RegularizedEvolution(nets=MACRO, population=0)
    with pytest.raises(ValueError, match="'tournament' must be"):
        evolve(RegularizedEvolution(nets=MACRO), tournament=0)
