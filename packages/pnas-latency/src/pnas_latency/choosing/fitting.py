"""What the values of some nets say of all nets."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from pnas_ops import Trial

_SMALLEST = torch.finfo(torch.float64).tiny


def fitted_probs(options: Sequence[int], trials: Sequence[Trial]) -> list[Tensor]:
    """Probabilities by which the most probable net is the one that a sum of effects predicts to be the best.

    Each option of each choice has an effect, and the value of a net is about the sum of those that it takes: a ridge
    regression on the choices, whose penalty takes effects to be as large as the errors of single values, both in
    standard deviations of the values. Errors average out, since every net tells something of each choice. Effects hold
    for nets like those that were judged: to choose within limits (`choose_within_budget`), judge random nets that are
    near to these limits.

    Args:
        options: of each choice, how many there are: `space.options`.
        trials: nets and their values, at least one; a hundred random ones are enough for choices between three.

    Returns:
        Of each choice the probabilities of its options, (options,), float64: the softmax of their effects. Uniform
        where all values are equal.

    Raises:
        ValueError: for no trial, and for one of another space.

    References:
        Hoerl and Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal Problems", Technometrics 12 (1970).
    """
    if not trials:
        raise ValueError("there is no trial to learn from")
    for trial in trials:
        if len(trial.choices) != len(options) or not all(
            0 <= one < count for one, count in zip(trial.choices, options, strict=True)
        ):
            raise ValueError(f"a net of the choices {trial.choices} is none of a space of the options {tuple(options)}")
    choices = torch.tensor([trial.choices for trial in trials])
    taken = torch.cat([one_hot(choices[:, place], count) for place, count in enumerate(options)], dim=1).double()
    values = torch.tensor([trial.value for trial in trials], dtype=torch.float64)
    values = values / values.abs().max().clamp_min(_SMALLEST)  # whose squares neither overflow nor vanish
    taken, values = taken - taken.mean(0), values - values.mean()
    deviation = values.square().mean().sqrt()
    penalty = torch.eye(taken.shape[1], dtype=torch.float64)
    effects = torch.linalg.solve(taken.T @ taken + penalty, taken.T @ (values / deviation.clamp_min(_SMALLEST)))
    return [of_one.softmax(0) for of_one in effects.split(list(options))]
