"""A small network that predicts how good nets are."""

from collections.abc import Sequence
from typing import Any

import torch
from attrs import evolve, frozen
from torch import Tensor, nn

from pnas_ops.data.choice_space import ChoiceSpace
from pnas_ops.data.ranks import rank_correlation
from pnas_ops.exploring.protocols import Choices, Judgement, Trial
from pnas_ops.modules.build import initialize_weights

_HIDDEN = 400
_LEAST_TRIALS = 5


@frozen(kw_only=True, eq=False)
class AccuracyPredictor:
    """Predicts the values of nets from their choices: a `Judge` that costs only its training trials.

    Attributes:
        space: of the nets.
        network: from encodings, (N, sum of options), to values less `mean`, divided by `deviation`, (N, 1).
        mean, deviation: mean and standard deviation of the training values.
        rank_correlation: with the values of held-out trials; None if it is undefined.
        held_out: the number of held-out trials.
        learned: the number of training trials.
    """

    space: ChoiceSpace[Any]
    network: nn.Module
    mean: float
    deviation: float
    rank_correlation: float | None
    held_out: int
    learned: int

    def values(self, nets: Sequence[Choices]) -> Tensor:
        """The predicted values of nets, (N,)."""
        with torch.no_grad():
            guessed: Tensor = self.network(_encoded(self.space, nets))[:, 0]
        return guessed * self.deviation + self.mean

    def judge(self, architecture: object, generator: torch.Generator) -> Judgement:
        """The predicted value; nothing is random.

        Raises:
            ValueError: for a net of another space.
        """
        return Judgement(value=float(self.values([self.space.choices(architecture)])[0]))


def fit_predictor(
    space: ChoiceSpace[Any],
    trials: Sequence[Trial],
    generator: torch.Generator,
    *,
    held_out: float = 0.2,
    steps: int = 100,
) -> AccuracyPredictor:
    """Trains a predictor: one-hot choices, three layers of 400 features with ReLU, the mean absolute error.

    Args:
        space: of the nets.
        trials: nets and their values.
        generator: on the CPU; for the initial weights and the choice of held-out trials.
        held_out: the share of trials held out for the rank correlation; 0 for none.
        steps: steps of Adam, each on all training trials.

    Raises:
        ValueError: for fewer than 5 trials to learn from, or a share that is not from 0 to below 1.
    """
    if not 0 <= held_out < 1:
        raise ValueError(f"held_out must be from 0 to below 1, got {held_out}")
    order = torch.randperm(len(trials), generator=generator).tolist()
    aside = round(held_out * len(trials))
    others, learned = [trials[number] for number in order[:aside]], [trials[number] for number in order[aside:]]
    if len(learned) < _LEAST_TRIALS:
        raise ValueError(f"a predictor learns from {_LEAST_TRIALS} trials at least, got {len(learned)}")
    values = torch.tensor([trial.value for trial in learned])
    mean, deviation = float(values.mean()), float(values.std()) or 1.0
    encoded = _encoded(space, [trial.choices for trial in learned])
    network = _layers(encoded.shape[1], generator)
    _learn(network, encoded, (values - mean) / deviation, steps)
    fitted = AccuracyPredictor(
        space=space,
        network=network,
        mean=mean,
        deviation=deviation,
        rank_correlation=None,
        held_out=aside,
        learned=len(learned),
    )
    if not others:
        return fitted
    guessed = fitted.values([trial.choices for trial in others]).tolist()
    return evolve(fitted, rank_correlation=rank_correlation(guessed, [trial.value for trial in others]))


def _encoded(space: ChoiceSpace[Any], nets: Sequence[Choices]) -> Tensor:
    return torch.stack([space.encode(space.architecture(choices)) for choices in nets])


def _layers(features: int, generator: torch.Generator) -> nn.Module:
    with torch.device("meta"):
        hidden = [part for _ in range(2) for part in (nn.Linear(_HIDDEN, _HIDDEN), nn.ReLU())]
        network = nn.Sequential(nn.Linear(features, _HIDDEN), nn.ReLU(), *hidden, nn.Linear(_HIDDEN, 1))
    network.to_empty(device="cpu")
    initialize_weights(network, generator=generator)
    return network


def _learn(network: nn.Module, encoded: Tensor, values: Tensor, steps: int) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-4, fused=True)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.l1_loss(network(encoded)[:, 0], values).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
