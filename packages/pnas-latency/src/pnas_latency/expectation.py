"""The expected cost of a net of which each block is one of several candidates."""

from collections.abc import Sequence

import torch
from torch import Tensor


def expected_cost(probs: Sequence[Tensor], costs: Sequence[Sequence[float]]) -> Tensor:
    """E = sum over blocks b of sum_i p_bi F_bi, differentiable in the probabilities.

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
    if len(probs) != len(costs):
        raise ValueError(f"got probabilities of {len(probs)} blocks and costs of {len(costs)}")
    for index, (p, row) in enumerate(zip(probs, costs, strict=True)):
        if p.shape != (len(row),):
            raise ValueError(f"block {index} has probabilities of shape {tuple(p.shape)} and {len(row)} costs")
    flat = torch.cat(list(probs))
    # Not `@`, which autocast would compute in 16 bits.
    return torch.dot(flat, flat.new_tensor([cost for row in costs for cost in row]))
