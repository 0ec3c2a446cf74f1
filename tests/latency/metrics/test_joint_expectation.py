"""Expectations of costs that several choices decide on together, against all nets gone through one by one."""

from collections.abc import Sequence
from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joint_spaces import WORKLOADS, JointSpace, joint_spaces, metric_by
from pnas_latency import ExpectedObjective, LinearPenalty, Metric, UnknownCostError
from pnas_latency.metrics.expectation import expected_joint_cost
from pnas_latency.metrics.joint import Joint
from pnas_ops import AnySpace


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    values = draw(st.lists(st.integers(0, 20).map(float), min_size=len(WORKLOADS), max_size=len(WORKLOADS)))
    combine = draw(st.sampled_from(["sum", "max"]))
    return metric_by(
        dict(zip(WORKLOADS, values, strict=True)), combine=combine, constant=draw(st.sampled_from([0.0, 4.0]))
    )


def drawn_alphas(space: JointSpace, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(count, dtype=torch.float64, generator=generator).requires_grad_() for count in space.options]


def mean_over_all_nets(space: JointSpace, metric: Metric, probs: Sequence[Tensor]) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for choices in space.every():
        share = torch.stack([p[choice] for p, choice in zip(probs, choices, strict=True)]).prod()
        total = total + share * metric.of(space.architecture(choices))
    return total


@settings(max_examples=30)
@given(joint_spaces(), metrics(), st.integers(0, 2**31))
def test_is_the_mean_over_all_nets_and_so_is_its_gradient(space: JointSpace, metric: Metric, seed: int) -> None:
    alphas = drawn_alphas(space, seed)
    found, wanted = (
        of([alpha.softmax(0) for alpha in alphas])
        for of in (
            metric.expectation(cast(AnySpace, space)),
            lambda probs: mean_over_all_nets(space, metric, probs),
        )
    )
    torch.testing.assert_close(found, wanted)
    if found.requires_grad:
        ours = torch.autograd.grad(found, alphas, allow_unused=True, materialize_grads=True)
        torch.testing.assert_close(ours, torch.autograd.grad(wanted, alphas), rtol=1e-9, atol=1e-9)


@settings(max_examples=30)
@given(joint_spaces(), metrics())
def test_a_net_is_reckoned_at_what_it_costs(space: JointSpace, metric: Metric) -> None:
    every = [*space.every()]
    at_once = metric.reckoned_all(cast(AnySpace, space), torch.tensor(every)).tolist()
    assert at_once == pytest.approx([metric.of(space.architecture(choices)) for choices in every])
    for choices in every:
        assert metric.reckoned(cast(AnySpace, space), choices) == metric.of(space.architecture(choices))


@settings(max_examples=10)
@given(joint_spaces(), st.integers(0, 2**31))
def test_an_objective_takes_such_a_space(space: JointSpace, seed: int) -> None:
    metric = metric_by({workload: float(number) for number, workload in enumerate(WORKLOADS)})
    objective = ExpectedObjective(cast(AnySpace, space), [(metric, LinearPenalty(weight=1.0, reference=2.0))])
    probs = [alpha.softmax(0).detach() for alpha in drawn_alphas(space, seed)]
    wanted = (mean_over_all_nets(space, metric, probs) - 2.0) / 2.0
    torch.testing.assert_close(objective(torch.zeros((), dtype=torch.float64), probs), wanted)


def test_refuses_what_has_no_meaning() -> None:
    joint = Joint((2, 3), ((0, 1),))
    with pytest.raises(ValueError, match=r"choices of \(2, 3\) options have probabilities of shapes \(2,\), \(2,\)"):
        expected_joint_cost([torch.ones(2), torch.ones(2)], joint, [[0.0] * 6])


def test_costs_of_one_choice_alone_are_not_there_where_several_decide() -> None:
    from hypothesis import find

    space = find(joint_spaces(), lambda one: any(len(term.choices) > 1 for term in one.terms))
    metric = metric_by({})
    with pytest.raises(UnknownCostError, match="sum of 'joint' is not known choice by choice: several decide"):
        metric.costs(cast(AnySpace, space))
