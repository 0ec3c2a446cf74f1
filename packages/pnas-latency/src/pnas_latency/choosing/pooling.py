"""What several searches agree on."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pnas_ops import PnasError


class PoolingError(PnasError, ValueError):
    """Probabilities that are not of one space, or that exclude one another."""


def pooled_probs(searches: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """The pooled probabilities of several searches of one space: their geometric means, normalized to add up to 1.

    For gates, these are the softmax of the mean alphas. Where one search is undecided, another decides; what the seed
    of one search decided by chance, the others outvote. `tests/benchmarks/pool_searches.py` shows the gain.

    Args:
        searches: for each search, the probabilities of each choice's options, each (options,).

    Returns:
        The probabilities of each choice's options, each (options,), float64, on the CPU.

    Raises:
        PoolingError: for no search, for searches of different choices, for probabilities that are negative or not
            finite, and for a choice where each option has probability 0 in some search.

    References:
        Hinton, "Training Products of Experts by Minimizing Contrastive Divergence", Neural Computation 14 (2002),
        equation 1, with the experts' geometric mean in place of their product.
    """
    shapes = {tuple(row.shape for row in probs) for probs in searches}
    if len(shapes) != 1:
        raise PoolingError(
            f"{len(searches)} searches have {len(shapes)} kinds of choices", "pass searches of one space, at least one"
        )
    pooled = []
    for number, rows in enumerate(zip(*searches, strict=True)):
        together = torch.stack([row.detach().to("cpu", torch.float64) for row in rows])
        if not bool((together.isfinite() & (together >= 0)).all()):
            raise PoolingError(
                f"choice {number} has probabilities that are negative or not finite",
                "pool searches that went well",
            )
        logarithms = together.log().mean(0)
        if bool(torch.isneginf(logarithms).all()):
            raise PoolingError(
                f"each option of choice {number} has the probability 0 in some search", "pool searches that end earlier"
            )
        pooled.append(logarithms.softmax(0))
    return pooled
