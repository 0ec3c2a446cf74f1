"""All strategies that need no supernet, by their names."""

from itertools import count

import pytest
import torch

from pnas_apps.exploring.named_strategies import STRATEGIES, make_strategy
from pnas_apps.ground.errors import UserError
from pnas_latency import Limit, feasible_nets
from pnas_ops import Choices, FeasibleNets, Trial, nas_bench_macro_space
from tiny_spaces import BLOCKS, NETWORKS, every_net, random_costs

SEVERAL_AIMS = {"random", "grid", "tpe", "nsga2"}
MACRO = FeasibleNets(space=nas_bench_macro_space())


def _value(choices: Choices) -> float:
    return sum((number + 1) * choice for number, choice in enumerate(choices)) / 100


@pytest.fixture(params=STRATEGIES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def few() -> FeasibleNets:
    """Those of a space of whole networks within a limit that a third of them keep."""
    metric = random_costs(0)
    costs = sorted(metric.of(NETWORKS.architecture(choices)) for choices in every_net(NETWORKS))
    return feasible_nets(NETWORKS, [Limit(metric=metric, at_most=costs[24])])


def test_each_net_within_the_limits_is_asked_for_once_and_no_other(name: str, few: FeasibleNets) -> None:
    strategy = make_strategy(name, few)
    found: list[Choices] = []
    for seed in count():
        choices = strategy.ask(torch.Generator().manual_seed(seed), taken=found)
        if choices is None:
            break
        assert choices not in found
        found.append(choices)
        strategy.tell(Trial(choices=choices, value=_value(choices)))
    assert sorted(found) == list(few.every())
    assert len(found) == 25
    assert strategy.epochs == 0


def test_one_that_is_told_the_same_goes_on_in_the_same_way(name: str) -> None:
    strategy = make_strategy(name, MACRO)
    told: list[Trial] = []
    taken: list[Choices] = []
    for seed in range(26):
        for asked_by in (seed, 1000 + seed):  # one of two workers is killed
            choices = strategy.ask(torch.Generator().manual_seed(asked_by), taken=taken)
            assert choices is not None
            taken.append(choices)
        told.append(Trial(choices=taken[-1], value=_value(taken[-1])))
        strategy.tell(told[-1])
    again = make_strategy(name, MACRO)
    for trial in told:
        again.tell(trial)
    asked = [one.ask(torch.Generator().manual_seed(7), taken=taken) for one in (strategy, again, strategy)]
    assert asked[0] == asked[1] == asked[2]


@pytest.mark.parametrize("name", ["evolution", "local", "tpe", "nsga2"])
def test_one_that_learns_finds_better_nets_than_chance(name: str) -> None:
    best = {}
    for one in (name, "random"):
        values = []
        for seed in range(2):
            strategy, found = make_strategy(one, MACRO), set[Choices]()
            for number in range(90):
                choices = strategy.ask(torch.Generator().manual_seed(100 * seed + number), taken=found)
                assert choices is not None
                found.add(choices)
                strategy.tell(Trial(choices=choices, value=_value(choices)))
            values.append(max(map(_value, found)))
        best[one] = sum(values)
    assert best[name] > best["random"]


def test_an_evolution_for_several_aims_has_children_of_nets_that_others_asked_for() -> None:
    strategy = make_strategy("nsga2", MACRO, costs=1)
    generator = torch.Generator().manual_seed(0)
    told = {tuple(torch.randint(2, (8,), generator=generator).tolist()) for _ in range(30)}
    for choices in sorted(told)[:20]:
        strategy.tell(Trial(choices=choices, value=_value(choices), costs=(float(choices[0]),)))
    asked = [strategy.ask(torch.Generator().manual_seed(seed), taken=told) for seed in range(20)]
    # None of the parents has the third option anywhere, and a choice is changed in one of eight cases.
    third = sum(choice == 2 for choices in asked if choices is not None for choice in choices)
    assert third < 0.2 * 8 * 20


def test_takes_costs_where_it_looks_at_them(name: str) -> None:
    if name in SEVERAL_AIMS:
        strategy = make_strategy(name, FeasibleNets(space=BLOCKS), costs=2)
        strategy.tell(Trial(choices=(0, 0, 0, 0), value=0.5, costs=(1.0, 2.0)))
        assert strategy.ask(torch.Generator(), taken=[(0, 0, 0, 0)]) is not None
    else:
        with pytest.raises(UserError, match=f"strategy {name} takes one aim only: for several, use tpe or nsga2"):
            make_strategy(name, FeasibleNets(space=BLOCKS), costs=2)


def test_refuses_a_name_that_it_does_not_know() -> None:
    with pytest.raises(UserError, match="there is no strategy 'annealing': name one of random, grid, "):
        make_strategy("annealing", MACRO)


def test_optuna_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    strategy = make_strategy("tpe", FeasibleNets(space=BLOCKS))
    strategy.tell(Trial(choices=(0, 0, 0, 0), value=0.5))
    strategy.ask(torch.Generator())
    assert capfd.readouterr() == ("", "")
