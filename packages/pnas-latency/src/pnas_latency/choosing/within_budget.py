"""The most probable net that a budget allows."""

from collections.abc import Sequence
from math import inf, log

import torch
from torch import Tensor

from pnas_latency.choosing.infeasible import explain
from pnas_latency.choosing.knapsack import Bound, least_choice
from pnas_latency.choosing.limit import Limit
from pnas_ops import Architecture, Space


def choose_within_budget(
    probs: Sequence[Tensor], space: Space, limits: Sequence[Limit], *, name: str = ""
) -> Architecture:
    """The net of largest prod_b p_b,choice(b) among those whose cost keeps every limit: a multiple-choice knapsack.

    A candidate of probability 0 is a last resort: as few of them are taken as the limits need, and the others are as
    probable as they can then be. So a probability that underflowed makes no budget infeasible.

    The limits are kept exactly, by `Metric.of`. No net that keeps them is more probable, but for a share of 1e-9 of the
    largest difference between the log-probabilities of two candidates of a block. Which one of equally probable nets is
    taken is up to HiGHS, the solver: the same for the same input and version of scipy.

    Args:
        probs: the probabilities of each searched block's candidates, each of shape (candidates of that block,), of any
            dtype and on any device. They need not add up to 1.
        space: the space that they choose from.
        limits: what the net may cost; without any, it is the most probable one of all.
        name: of the net; the space's by default.

    Raises:
        InfeasibleBudgetError: where no net keeps all limits, with the cheapest net and the way out.
        ValueError: for probabilities that do not fit the space, or are negative or not finite; for costs that are not
            finite.
        LookupError: as the metrics raise it: `MissingWorkloadsError` for a table that lacks a workload.
    """
    values = _checked(probs, space)
    bounds = [bound for limit in limits for bound in limit.bounds(space)]
    resorts = [[float(p == 0) for p in row] for row in values]
    # Not one objective with a large penalty for zeros: beside it, small differences would be lost.
    unlikely = [[-log(p) if p else 0.0 for p in row] for row in values]
    choice = least_choice(unlikely, [*bounds, Bound(costs=resorts, at_most=0.0)])
    if choice is None:
        fewest = least_choice(resorts, bounds)
        if fewest is None:
            raise explain(space, limits)
        count = sum(row[i] for row, i in zip(resorts, fewest, strict=True))
        choice = least_choice(unlikely, [*bounds, Bound(costs=resorts, at_most=count)])
        assert choice is not None
    return space.architecture(choice, name=name)


def _checked(probs: Sequence[Tensor], space: Space) -> list[list[float]]:
    """The probabilities in double precision, of which float32 has fewer small numbers."""
    mixed = space.mixed
    if len(probs) != len(mixed):
        raise ValueError(
            f"got probabilities of {len(probs)} blocks, space {space.name!r} has {len(mixed)} searched ones"
        )
    for index, (p, blocks) in enumerate(zip(probs, mixed, strict=True)):
        if p.shape != (len(blocks),):
            raise ValueError(f"block {index} has probabilities of shape {tuple(p.shape)} and {len(blocks)} candidates")
    rows = [p.detach().to("cpu", torch.float64).tolist() for p in probs]
    for index, row in enumerate(rows):
        if not all(0 <= value < inf for value in row):
            raise ValueError(f"block {index} has probabilities that are negative or not finite: {row}")
    return rows
