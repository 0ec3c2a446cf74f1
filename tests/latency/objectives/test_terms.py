"""The terms of an objective against their closed forms, and the multiplier against a constrained optimum."""

import math

import pytest
import torch
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pnas_latency import (
    MACS,
    AbsolutePenalty,
    Constraint,
    ExpectedObjective,
    LinearPenalty,
    Metric,
    MultiplicativeLog,
    Term,
    peak_activation_bytes,
)
from pnas_ops import SearchSpace, digits_mbconv_space

WEIGHTS, COSTS, LOSSES = st.floats(0, 10), st.floats(0.1, 100), st.floats(0, 10)


def apply(term: Term, loss: float, cost: float) -> tuple[float, float, float]:
    """The objective and its derivatives by loss and cost."""
    loss_leaf = torch.tensor(loss, dtype=torch.float64, requires_grad=True)
    cost_leaf = torch.tensor(cost, dtype=torch.float64, requires_grad=True)
    value = term(loss_leaf, cost_leaf)
    by_loss, by_cost = torch.autograd.grad(value, [loss_leaf, cost_leaf])
    return value.item(), by_loss.item(), by_cost.item()


@given(weight=WEIGHTS, reference=COSTS, loss=LOSSES, cost=COSTS)
def test_the_linear_penalty(weight: float, reference: float, loss: float, cost: float) -> None:
    value, by_loss, by_cost = apply(LinearPenalty(weight=weight, reference=reference), loss, cost)
    assert value == pytest.approx(loss + weight * (cost / reference - 1), abs=1e-9)
    assert (by_loss, by_cost) == (1, pytest.approx(weight / reference))


@given(weight=WEIGHTS, target=COSTS, loss=LOSSES, share=st.floats(0.1, 3).filter(lambda share: abs(share - 1) > 1e-6))
def test_the_absolute_penalty(weight: float, target: float, loss: float, share: float) -> None:
    value, by_loss, by_cost = apply(AbsolutePenalty(weight=weight, target=target), loss, share * target)
    assert value == pytest.approx(loss + weight * abs(share - 1), abs=1e-9)
    assert (by_loss, by_cost) == (1, pytest.approx(math.copysign(weight / target, share - 1)))


@given(loss=LOSSES, cost=st.floats(2, 200))
def test_the_multiplicative_form_with_the_values_of_the_original(loss: float, cost: float) -> None:
    value, by_loss, by_cost = apply(MultiplicativeLog(reference=80.0), loss, cost)
    factor = 0.2 * (math.log(cost) / math.log(80)) ** 0.3
    assert (value, by_loss) == (pytest.approx(loss * factor), pytest.approx(factor))
    assert by_cost == pytest.approx(loss * factor * 0.3 / (cost * math.log(cost)))


def test_the_multiplicative_form_asks_for_a_unit_that_costs_are_above() -> None:
    for small in (0.3, 1.0):
        with pytest.raises(
            ValueError, match=rf"^the reference {small:g} must be above the unit 1: take a smaller unit$"
        ):
            MultiplicativeLog(reference=small)
        with pytest.raises(ValueError, match=rf"^a cost of {small:g} has no positive logarithm in units of 1: "):
            MultiplicativeLog(reference=2.0)(torch.tensor(1.0), torch.tensor(small))
    value, _, _ = apply(MultiplicativeLog(reference=0.3, unit=0.001), 1.0, 0.09)
    assert value == pytest.approx(0.2 * (math.log(90) / math.log(300)) ** 0.3)


@given(at_most=COSTS, multiplier=st.floats(0, 5), damping=st.floats(0.1, 5), share=st.floats(0.1, 3), loss=LOSSES)
def test_a_constraint_pulls_by_its_multiplier_and_never_upwards(
    at_most: float, multiplier: float, damping: float, share: float, loss: float
) -> None:
    term = Constraint(at_most=at_most, multiplier=multiplier, damping=damping)
    value, by_loss, by_cost = apply(term, loss, share * at_most)
    pull = max(0.0, multiplier + damping * (share - 1))
    assert (by_loss, by_cost) == (1, pytest.approx(pull / at_most, abs=1e-9))
    assert value == pytest.approx(loss + (pull**2 - multiplier**2) / (2 * damping), abs=1e-9)


def test_a_multiplier_rises_above_the_budget_and_falls_below_it_to_zero() -> None:
    constraint = Constraint(at_most=2.0, rate=0.1)
    constraint.adapt(3.0)
    assert constraint.multiplier == pytest.approx(0.05)
    constraint.adapt(1.5)
    assert constraint.multiplier == pytest.approx(0.025)
    constraint.adapt(0.5)
    assert constraint.multiplier == 0.0


def minimize(term: Constraint, slope: float, steps: int) -> tuple[float, float]:
    """Cost and multiplier where the loss `slope * (cost - 4)^2 / 2` is minimized under the constraint."""
    cost = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([cost], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        term(slope * (cost - 4) ** 2 / 2, cost).backward()
        optimizer.step()
        term.adapt(cost.item())
    return cost.item(), term.multiplier


@pytest.mark.parametrize(("slope", "at_most"), [(0.1, 1.0), (0.3, 2.0), (2.0, 1.0)])
def test_a_constraint_lands_on_its_budget_whatever_the_loss_is_worth(slope: float, at_most: float) -> None:
    """The multiplier is known: at the optimum, minus the slope of the loss by the relative cost."""
    cost, multiplier = minimize(Constraint(at_most=at_most, rate=0.2), slope, 600)
    assert cost == pytest.approx(at_most, rel=1e-5)
    assert multiplier == pytest.approx(slope * (4 - at_most) * at_most, rel=1e-4)


@pytest.mark.slow
@given(slope=st.floats(0.1, 2), at_most=st.floats(1, 3))
def test_a_constraint_lands_on_any_budget_in_the_end(slope: float, at_most: float) -> None:
    cost, multiplier = minimize(Constraint(at_most=at_most, rate=0.2), slope, 3000)
    assert cost == pytest.approx(at_most, rel=1e-3)
    assert multiplier == pytest.approx(slope * (4 - at_most) * at_most, rel=1e-2)


@given(slope=st.floats(0.1, 2), at_most=st.floats(1, 3), damping=st.floats(0.1, 5), rate=st.floats(0.01, 1))
def test_only_the_constrained_optimum_is_at_rest(slope: float, at_most: float, damping: float, rate: float) -> None:
    """Of the loss slope (cost - 4)^2 / 2 under cost <= at_most < 4: that cost, with its multiplier."""
    best = slope * (4 - at_most) * at_most

    def moved(cost: float, multiplier: float) -> tuple[float, float]:
        """The slope by the cost, and how far the multiplier goes in a step."""
        leaf = torch.tensor(cost, dtype=torch.float64, requires_grad=True)
        term = Constraint(at_most=at_most, multiplier=multiplier, damping=damping, rate=rate)
        term(slope * (leaf - 4) ** 2 / 2, leaf).backward()
        assert leaf.grad is not None
        term.adapt(cost)
        return leaf.grad.item(), term.multiplier - multiplier

    assert moved(at_most, best) == pytest.approx((0, 0), abs=1e-9)
    # Too cheap: pushed up, and the multiplier falls. Too dear: the other way.
    assert max(moved(0.99 * at_most, best)) < 0 < min(moved(1.01 * at_most, best))
    assert moved(at_most, 0.9 * best)[0] < 0 < moved(at_most, 1.1 * best)[0]


def test_a_constraint_that_does_not_bind_changes_nothing() -> None:
    cost, multiplier = minimize(Constraint(at_most=8.0), 1.0, 1000)
    assert (cost, multiplier) == (pytest.approx(4.0), 0.0)


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return digits_mbconv_space()


@pytest.fixture
def probs(space: SearchSpace) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(len(row), generator=generator, dtype=torch.float64).softmax(0) for row in space.mixed]


def test_the_terms_of_an_objective_follow_each_other(space: SearchSpace, probs: list[Tensor]) -> None:
    memory = peak_activation_bytes("int8")
    macs = MACS.expected(probs, space)
    terms: list[tuple[Metric, Term]] = [
        (MACS, MultiplicativeLog(reference=1e6)),
        (memory, Constraint(at_most=1e4)),
        (MACS, LinearPenalty(weight=0.5, reference=2e6)),
    ]
    loss = torch.tensor(1.5, dtype=torch.float64)
    wanted = 0.2 * 1.5 * (math.log(macs) / math.log(1e6)) ** 0.3
    wanted += max(0.0, 2 * (float(memory.expected(probs, space)) / 1e4 - 1)) ** 2 / 4
    wanted += 0.5 * (float(macs) / 2e6 - 1)
    assert float(ExpectedObjective(space, terms)(loss, probs)) == pytest.approx(wanted)


def multipliers(objective: ExpectedObjective) -> list[float]:
    return [term.multiplier for _, term in objective.terms if isinstance(term, Constraint)]


def test_each_constraint_has_a_multiplier_of_its_own_that_a_checkpoint_keeps(
    space: SearchSpace, probs: list[Tensor]
) -> None:
    macs, memory = MACS, peak_activation_bytes("int8")
    of_macs = Constraint(at_most=0.5 * float(macs.expected(probs, space)), rate=0.1)
    of_memory = Constraint(at_most=0.25 * float(memory.expected(probs, space)), rate=0.1)

    def make() -> ExpectedObjective:
        return ExpectedObjective(space, [(macs, evolve(of_macs)), (memory, evolve(of_memory))])

    objective, resumed = make(), make()
    objective.adapt(probs)
    assert multipliers(objective) == [pytest.approx(0.1), pytest.approx(0.3)]
    resumed.load_state_dict(objective.state_dict())
    assert [term for _, term in resumed.terms] == [term for _, term in objective.terms]
    resumed.adapt(probs)
    assert multipliers(resumed) == [pytest.approx(0.2), pytest.approx(0.6)]
    assert resumed.multipliers == {macs.name: pytest.approx(0.2), memory.name: pytest.approx(0.6)}


def test_of_several_constraints_of_one_cost_the_highest_multiplier_is_told(
    space: SearchSpace, probs: list[Tensor]
) -> None:
    macs = float(MACS.expected(probs, space))
    terms = [(MACS, Constraint(at_most=share * macs, rate=0.1)) for share in (0.25, 0.5, 2.0)]
    objective = ExpectedObjective(space, [*terms, (MACS, LinearPenalty(weight=1.0, reference=1.0))])
    objective.adapt(probs)
    assert objective.multipliers == {"macs": pytest.approx(0.3)}


def test_the_state_of_another_objective_is_refused(space: SearchSpace) -> None:
    none, one = (ExpectedObjective(space, terms) for terms in ([], [(MACS, Constraint(at_most=1.0))]))
    for state in (none.state_dict(), {}):
        with pytest.raises(ValueError, match="the objective has 1 constraints, the state has 0"):
            one.load_state_dict(state)


def test_a_limit_falls_by_equal_factors_from_the_first_cost_to_the_budget() -> None:
    term = Constraint(at_most=1.0, tightening=4)
    loss, cost = torch.tensor(0.5), torch.tensor(16.0)
    assert float(term(loss, cost)) == 0.5  # nothing is known yet
    limits = []
    for _ in range(6):
        term.adapt(16.0)
        limits.append(term.limit)
        pull = term.multiplier + 2.0 * (16.0 / term.limit - 1)
        assert apply(term, 0.5, 16.0)[2] == pytest.approx(pull / term.limit)
    assert limits == pytest.approx([8.0, 4.0, 2.0, 1.0, 1.0, 1.0])
    assert term.multiplier == pytest.approx(0.05 * sum(16 / limit - 1 for limit in (16, 8, 4, 2, 1, 1)))


def test_a_limit_does_not_rise_to_the_budget() -> None:
    term = Constraint(at_most=4.0, tightening=10)
    term.adapt(1.0)
    assert (term.limit, term.multiplier) == (4.0, 0.0)


def test_refuses_what_has_no_meaning() -> None:
    with pytest.raises(ValueError, match="'reference' must be a number above 0"):
        LinearPenalty(weight=1.0, reference=0.0)
    with pytest.raises(ValueError, match="'weight' must be a number from 0"):
        LinearPenalty(weight=-1.0, reference=1.0)
    with pytest.raises(ValueError, match="'at_most' must be a number above 0"):
        Constraint(at_most=0.0)
