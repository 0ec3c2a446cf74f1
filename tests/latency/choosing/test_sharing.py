"""Blocks that share a choice, against all nets gone through one by one."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from math import fsum, prod

import pytest
import torch
from attrs import evolve

from pnas_latency import (
    MACS,
    Budget,
    ExpectedObjective,
    InfeasibleBudgetError,
    Limit,
    LinearPenalty,
    Metric,
    choose_within_budget,
    expected_cost,
    expected_max,
    land_on_budget,
    peak_activation_bytes,
)
from pnas_ops import digits_mbconv_space
from tables import uniform_table

SMALL = digits_mbconv_space(0.5)
SPACE = evolve(SMALL, candidates=SMALL.candidates[:3])
BLOCKS = len(SPACE.mixed)
COUNTS = [len(row) for row in SPACE.mixed]
SAME = [block for block in range(BLOCKS) if COUNTS[block] == COUNTS[0]]


def sharing(*groups: Sequence[int]) -> tuple[int, ...]:
    """The numbers of the choices where these blocks share theirs."""
    first = {block: group[0] for group in groups for block in group}
    return tuple(first.get(block, block) for block in range(BLOCKS))


def possible(shared: Sequence[int]) -> list[tuple[int, ...]]:
    """All nets in which blocks that share a choice take the same candidate."""
    every = itertools.product(*map(range, COUNTS))
    return [one for one in every if all(one[shared.index(number)] == one[b] for b, number in enumerate(shared))]


def drawn(shared: Sequence[int], seed: int) -> list[torch.Tensor]:
    """Probabilities, equal where a choice is shared."""
    generator = torch.Generator().manual_seed(seed)
    alphas = {number: torch.randn(COUNTS[shared.index(number)], generator=generator) for number in shared}
    return [alphas[number].double().softmax(0) for number in shared]


@pytest.mark.parametrize("metric", [MACS, peak_activation_bytes("float32")], ids=lambda one: one.name)
@pytest.mark.parametrize("seed", range(3))
def test_the_choice_is_the_most_probable_of_the_nets_that_there_are(metric: Metric, seed: int) -> None:
    shared = sharing(SAME[:2], SAME[2:4])
    probs, nets = drawn(shared, seed), possible(shared)
    costs = {net: metric.of(SPACE.architecture(net)) for net in nets}
    at_most = sorted(costs.values())[len(nets) // 5]

    def probability(net: Sequence[int]) -> Fraction:
        once = {number: Fraction(float(probs[b][net[b]])) for b, number in enumerate(shared)}
        return prod(once.values(), start=Fraction(1))

    best = max(probability(net) for net in nets if costs[net] <= at_most)
    limits = [Limit(metric=metric, at_most=at_most)]
    found = SPACE.choices(choose_within_budget(probs, SPACE, limits, shared=shared))
    assert found in nets
    assert costs[found] <= at_most
    assert probability(found) == best
    # Taken for independent, they would be other nets.
    assert any(SPACE.choices(choose_within_budget(drawn(shared, s), SPACE, limits)) not in nets for s in range(3))


def test_expectations_are_means_over_the_nets_that_there_are_and_so_is_their_gradient() -> None:
    shared = (0, 1, 0, 2)
    costs = [[1.0, 5.0, 2.0], [2.5, 0.5, 4.0], [3.0, 0.0, 9.0], [1.0, 2.0, 3.0]]
    alphas = [torch.randn(3, dtype=torch.float64, generator=torch.Generator().manual_seed(n)) for n in range(3)]
    for alpha in alphas:
        alpha.requires_grad_()
    probs = [alphas[number].softmax(0) for number in shared]
    largest, total = torch.zeros(()), torch.zeros(())
    for drawn_one in itertools.product(range(3), repeat=3):
        weight = torch.stack([alpha.softmax(0)[i] for alpha, i in zip(alphas, drawn_one, strict=True)]).prod()
        paid = [row[drawn_one[number]] for row, number in zip(costs, shared, strict=True)]
        largest = largest + weight * max(1.5, *paid)
        total = total + weight * sum(paid)
    for found, wanted in (
        (expected_max(probs, costs, least=1.5, shared=shared), largest),
        (expected_cost(probs, costs), total),
    ):
        torch.testing.assert_close(found, wanted)
        ours, theirs = (torch.autograd.grad(one, alphas, retain_graph=True) for one in (found, wanted))
        torch.testing.assert_close(ours, theirs)
    independent = expected_max([p.detach() for p in probs], costs, least=1.5)
    assert float(independent) != pytest.approx(float(largest.detach()))


def test_an_objective_and_a_landing_know_of_them() -> None:
    shared, table = sharing(SAME[:2]), uniform_table(SPACE)
    probs = drawn(shared, 0)
    peak = peak_activation_bytes("float32")
    objective = ExpectedObjective(SPACE, [(peak, LinearPenalty(weight=1.0, reference=1e4))], shared=shared)
    wanted = peak.expected(probs, SPACE, shared=shared)
    torch.testing.assert_close(objective(torch.zeros(()), probs), (wanted - 1e4) / 1e4)
    taken = land_on_budget(probs, SPACE, table, Budget(latency_ms=100.0), shared=shared).result.architecture
    assert SPACE.choices(taken) in possible(shared)


def test_what_cannot_be_shared_or_kept_is_told() -> None:
    shared = sharing(SAME[:2])
    probs = drawn(shared, 0)
    with pytest.raises(
        InfeasibleBudgetError, match="takes at most 1 MACs where blocks share choices: loosen"
    ) as caught:
        choose_within_budget(probs, SPACE, [Limit(metric=MACS, at_most=1)], shared=shared)
    least = min(fsum((MACS.of(SPACE.architecture(net)),)) for net in possible(shared))
    assert MACS.of(caught.value.cheapest) == least
    first, second = SAME[:2]
    with pytest.raises(ValueError, match=f"blocks {first} and {second} share their choice, but have different"):
        choose_within_budget(drawn(range(BLOCKS), 0), SPACE, [], shared=shared)
    with pytest.raises(ValueError, match=f"choices of 1 blocks, and {BLOCKS} are searched"):
        choose_within_budget(probs, SPACE, [], shared=[0])
    with pytest.raises(ValueError, match=r"blocks 0 and 1 cannot share a choice: they have 1 and 2 candidates"):
        expected_max([torch.ones(1), torch.ones(2) / 2], [[1.0], [1.0, 2.0]], shared=(0, 0))
