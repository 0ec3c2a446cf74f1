"""The expected cost of a net of which each block is one of several candidates."""

from collections.abc import Sequence

import torch
from torch import Tensor

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
        ValueError: where a block has not as many probabilities as costs.

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

    The mean of a maximum, not the maximum of means: what a net needs that is as demanding as its most demanding block.
    It is exact without going through the paths, since independent blocks all cost at most v with the probability
    G(v) = prod_b sum_{i: F_bi <= v} p_bi, and E = sum_k v_k (G(v_k) - G(v_{k-1})) over the distinct costs v.

    Args:
        probs: the probabilities of each block's candidates, each of shape (candidates of that block,).
        costs: the cost F of each candidate, in any unit.
        least: what every path costs at least: the largest cost of the blocks that are not searched.
        shared: of each block the number of its choice, where blocks share one: of those the probabilities of the first
            count. Each has its own if None.

    Returns:
        A scalar in the unit of the costs, of the dtype and on the device of the probabilities.

    Raises:
        ValueError: where a block has not as many probabilities as costs, and for blocks that cannot share a choice.
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
    # `prod` has the right gradient where a factor is zero, `exp(sum(log))` has not.
    below = at_most.prod(1)
    exactly = torch.cat([below[:1], below[1:] - below[:-1]])
    return torch.dot(exactly, exactly.new_tensor(values))


def _check(probs: Sequence[Tensor], costs: Sequence[Sequence[float]]) -> None:
    if len(probs) != len(costs):
        raise ValueError(f"got probabilities of {len(probs)} blocks and costs of {len(costs)}")
    for index, (p, row) in enumerate(zip(probs, costs, strict=True)):
        if p.shape != (len(row),):
            raise ValueError(f"block {index} has probabilities of shape {tuple(p.shape)} and {len(row)} costs")
