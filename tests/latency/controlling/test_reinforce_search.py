"""A recurrent controller: its probabilities, its gradient against the exact expectation, what it learns."""

from collections import Counter
from itertools import product
from math import exp, sqrt

import pytest
import torch

from pnas_latency import Limit, RecurrentController, ReinforceSearch, feasible_nets, reinforce_loss
from pnas_ops import Choices, FeasibleNets, Trial, nas_bench_macro_space
from tiny_spaces import BLOCKS, every_net, random_costs

OPTIONS = (2, 3, 2)
NETS = list(product(*map(range, OPTIONS)))
REWARDS = {choices: 0.1 * number**1.5 for number, choices in enumerate(NETS)}
DRAWS = 1000


def _open(begun: Choices) -> bool:
    return begun[1:2] != (1,) and begun != (0, 2, 1)


def _anything(begun: Choices) -> bool:
    return True


@pytest.fixture
def controller() -> RecurrentController:
    made = RecurrentController(OPTIONS, hidden=5, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(30)  # so that nets differ in their probabilities
    return made


@pytest.mark.parametrize("may_fit", [_anything, _open])
def test_probabilities_add_up_to_one_over_the_nets_that_are_open(
    controller: RecurrentController, may_fit: object
) -> None:
    assert callable(may_fit)
    probs = {choices: exp(float(controller.log_prob(choices, may_fit).detach())) for choices in NETS}
    assert sum(probs.values()) == pytest.approx(1)
    assert {choices for choices, p in probs.items() if p == 0} == {
        choices for choices in NETS if not all(may_fit(choices[:length]) for length in (1, 2, 3))
    }


def test_nets_are_drawn_by_their_probabilities(controller: RecurrentController) -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = Counter(controller.sample(generator, _open) for _ in range(DRAWS))
    for choices in NETS:
        expected = DRAWS * exp(float(controller.log_prob(choices, _open).detach()))
        assert abs(drawn[choices] - expected) <= 5 * sqrt(expected)


@pytest.mark.parametrize("may_fit", [_anything, _open])
def test_the_gradient_of_the_loss_is_on_average_that_of_the_exact_expectation(
    controller: RecurrentController, may_fit: object
) -> None:
    assert callable(may_fit)
    parameters = list(controller.parameters())
    possible = [choices for choices in NETS if controller.log_prob(choices, may_fit).isfinite()]
    expected = sum(REWARDS[choices] * controller.log_prob(choices, may_fit).exp() for choices in possible)
    assert isinstance(expected, torch.Tensor)
    exact = torch.autograd.grad(expected, parameters)
    average = [torch.zeros_like(parameter) for parameter in parameters]
    for choices in possible:
        log_prob = controller.log_prob(choices, may_fit)
        loss = reinforce_loss(log_prob[None], torch.tensor([REWARDS[choices]]), baseline=0.7)
        for total, part in zip(average, torch.autograd.grad(loss, parameters), strict=True):
            total += log_prob.detach().exp() * part
    for ours, theirs in zip(average, exact, strict=True):
        torch.testing.assert_close(-ours, theirs)


def test_the_gradient_is_that_of_finite_differences(controller: RecurrentController) -> None:
    choices, step = (1, 2, 0), 1e-6
    for parameter in controller.parameters():
        (exact,) = torch.autograd.grad(controller.log_prob(choices), parameter)
        place = int(exact.abs().argmax())
        values = parameter.data.view(-1)
        ends = []
        for sign in (1, -1):
            values[place] += sign * step
            ends.append(float(controller.log_prob(choices).detach()))
            values[place] -= sign * step
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float(exact.view(-1)[place]), rel=1e-4, abs=1e-8)


def test_a_dead_end_is_no_net(controller: RecurrentController) -> None:
    assert controller.sample(torch.Generator(), lambda begun: len(begun) < 2) is None


def test_better_nets_become_more_probable() -> None:
    search = ReinforceSearch(nets=FeasibleNets(space=nas_bench_macro_space()), hidden=16)
    best = (2,) * 8
    before = float(search.controller.log_prob(best).detach())
    found: set[Choices] = set()
    for seed in range(80):
        choices = search.ask(torch.Generator().manual_seed(seed), taken=found)
        assert choices is not None
        found.add(choices)
        search.tell(Trial(choices=choices, value=sum(choices) / 16))
    assert float(search.controller.log_prob(best).detach()) > before + 1


def test_the_first_net_is_what_others_are_compared_with() -> None:
    search = ReinforceSearch(nets=FeasibleNets(space=BLOCKS), hidden=4)
    before = [parameter.clone() for parameter in search.controller.parameters()]
    search.tell(Trial(choices=(0, 0, 0, 0), value=0.9))
    assert all(map(torch.equal, search.controller.parameters(), before))
    search.tell(Trial(choices=(0, 1, 0, 0), value=0.8))
    assert not all(map(torch.equal, search.controller.parameters(), before))


def test_two_limits_that_leave_few_nets_are_kept() -> None:
    limits = []
    for seed in (0, 1):
        metric = random_costs(seed)
        costs = sorted(metric.of(BLOCKS.architecture(choices)) for choices in every_net(BLOCKS))
        limits.append(Limit(metric=metric, at_most=costs[15]))
    nets = feasible_nets(BLOCKS, limits)
    search = ReinforceSearch(nets=nets, hidden=4)
    found: list[Choices] = []
    while (choices := search.ask(torch.Generator().manual_seed(len(found)), taken=found)) is not None:
        found.append(choices)
        search.tell(Trial(choices=choices, value=0.5))
    assert sorted(found) == list(nets.every())
    assert 0 < len(found) < 15
