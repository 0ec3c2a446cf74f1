"""The expected cost of a net, each block of which is one of several candidates."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pnas_latency.metrics.joint import Joint, spread
from pnas_latency.metrics.sharing import Shared, blocks_by_choice


def expected_cost(probs: Sequence[Tensor], costs: Sequence[Sequence[float]]) -> Tensor:
    """E = sum over blocks b of sum_i p_bi F_bi, differentiable in the probabilities; blocks may share their choices.

    For p = softmax(alpha), dE/dalpha_bi = p_bi (F_bi - E_b), with E_b the expected cost of block b.

    Args:
        probs: the probabilities of each block's candidates, each of shape (candidates of that block,).
        costs: the cost F of each candidate, in any unit: milliseconds, MACs, bytes.

    Returns:
        A scalar in the unit of the costs, of the dtype and on the device of the probabilities.

    Raises:
        ValueError: for a block whose numbers of probabilities and costs differ.

    References:
        ProxylessNAS, arXiv 1812.00332, equations 5 and 6.
    """
    _check(probs, costs)
    flat = torch.cat(list(probs))
    # Not `@`, which autocast would compute in 16 bits.
    return torch.dot(flat, flat.new_tensor([cost for row in costs for cost in row]))


def expected_max(
    probs: Sequence[Tensor], costs: Sequence[Sequence[float]], *, least: float = 0.0, shared: Shared = None
) -> Tensor:
    """E = sum over paths of prod_b p_b,path(b) * max(least, max_b F_b,path(b)), differentiable in the probabilities.

    This is the mean of the maximum, not the maximum of the means, for costs that a net's most demanding block decides.
    It is exact without enumerating the paths: independent blocks all cost at most v with probability
    G(v) = prod_b sum_{i: F_bi <= v} p_bi, and E = sum_k v_k (G(v_k) - G(v_{k-1})) over the distinct costs v.

    Args:
        probs: the probabilities of each block's candidates, each of shape (candidates of that block,).
        costs: the cost F of each candidate, in any unit.
        least: what every path costs at least: the largest cost of the blocks that are not searched.
        shared: the number of each block's choice, where blocks share choices; of blocks that share one, the
            probabilities of the first count. None if each has its own.

    Returns:
        A scalar in the unit of the costs, of the dtype and on the device of the probabilities.

    Raises:
        ValueError: for a block whose numbers of probabilities and costs differ, and for blocks that cannot share a
            choice.
    """
    _check(probs, costs)
    groups = blocks_by_choice(shared, [len(row) for row in costs])
    probs = [probs[group[0]] for group in groups]
    raised = [[max(least, *column) for column in zip(*(costs[b] for b in group), strict=True)] for group in groups]
    values = sorted({cost for row in raised for cost in row})
    # Rows: distinct costs. Columns: blocks. Not `@`, which autocast would compute in 16 bits.
    at_most = torch.stack(
        [
            (p * p.new_tensor([[cost <= value for cost in row] for value in values])).sum(1)
            for p, row in zip(probs, raised, strict=True)
        ],
        dim=1,
    )
    # `prod` has the right gradient where a factor is zero; `exp(sum(log))` does not.
    below = at_most.prod(1)
    exactly = torch.cat([below[:1], below[1:] - below[:-1]])
    return torch.dot(exactly, exactly.new_tensor(values))


def expected_joint_cost(probs: Sequence[Tensor], joint: Joint, costs: Sequence[Sequence[float]]) -> Tensor:
    """E = sum over terms t of sum over combinations c of prod_{i in t} p_i,c(i) F_t,c, of independent choices.

    Args:
        probs: the probabilities of each choice's options, each of shape (options,).
        joint: which choices decide each term.
        costs: the cost F of each term, one for each combination, in any unit.

    Returns:
        A scalar in the unit of the costs, of the dtype and on the device of the probabilities.

    Raises:
        ValueError: for a choice whose numbers of probabilities and options differ.
    """
    _check_options(probs, joint)
    total = probs[0].new_zeros(())
    for scope, row in zip(joint.scopes, costs, strict=True):
        mean = probs[0].new_tensor(row).reshape(joint.shape(scope))
        for number in reversed(scope):
            mean = (mean * probs[number]).sum(-1)
        total = total + mean
    return total


def expected_joint_max(
    probs: Sequence[Tensor], joint: Joint, costs: Sequence[Sequence[float]], *, least: float = 0.0
) -> Tensor:
    """The mean of the largest term, as exact as `expected_max`, where several choices decide a term.

    The probability G(v) that no term costs more than v is a sum over all combinations. It is computed choice by choice:
    of the choices already visited, only those that later terms depend on are kept apart.

    Args:
        probs, joint, costs: as `expected_joint_cost` takes them.
        least: what every net costs at least.

    Raises:
        ValueError: for a choice whose numbers of probabilities and options differ.
    """
    _check_options(probs, joint)
    raised = [[max(least, cost) for cost in row] for row in costs]
    values = sorted({least, *(cost for row in raised for cost in row)})
    thresholds = np.array(values)
    # Rows: distinct costs. One more axis for every choice that is remembered.
    below = probs[0].new_ones(len(values))
    for step in joint.steps():
        below = below.unsqueeze(-1) * probs[step.choice]
        for term in step.complete:
            table = spread(
                np.array(raised[term]).reshape(joint.shape(joint.scopes[term])), joint.scopes[term], step.axes
            )
            allowed = table[None] <= thresholds.reshape(-1, *[1] * len(step.axes))
            below = below * torch.from_numpy(allowed).to(below)
        gone = [1 + axis for axis, number in enumerate(step.axes) if number not in step.after]
        below = below.sum(gone) if gone else below
    exactly = torch.cat([below[:1], below[1:] - below[:-1]])
    return torch.dot(exactly, exactly.new_tensor(values))


def _check_options(probs: Sequence[Tensor], joint: Joint) -> None:
    if [tuple(p.shape) for p in probs] != [(count,) for count in joint.options]:
        shapes = ", ".join(str(tuple(p.shape)) for p in probs)
        raise ValueError(f"choices of {joint.options} options have probabilities of shapes {shapes}")


def _check(probs: Sequence[Tensor], costs: Sequence[Sequence[float]]) -> None:
    if len(probs) != len(costs):
        raise ValueError(f"got probabilities of {len(probs)} blocks and costs of {len(costs)}")
    for index, (p, row) in enumerate(zip(probs, costs, strict=True)):
        if p.shape != (len(row),):
            raise ValueError(f"block {index} has probabilities of shape {tuple(p.shape)} and {len(row)} costs")
