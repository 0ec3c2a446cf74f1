"""Evolution guided by a predictor."""

from collections.abc import Collection

import torch
from attrs import define, field

from pnas_ops.data.ranges import Range
from pnas_ops.exploring.plain_strategy import PlainStrategy
from pnas_ops.exploring.predictor import AccuracyPredictor, fit_predictor
from pnas_ops.exploring.protocols import Choices, Trial

_COUNT = Range(1, 10**6, whole=True)


@define(kw_only=True, eq=False)
class PredictorSearch(PlainStrategy):
    """Random nets first; then, of several mutations of the best nets, the one with the best predicted value.

    Attributes:
        seed: of the predictor.
        first: how many random nets come first, to train the predictor on.
        parents: how many of the best nets are mutated.
        children: how many mutations the predictor chooses from.

    References:
        White, Neiswanger, Savani, "BANANAS", arXiv 1910.11858, algorithm 1; here with a single predictor, trained anew
        whenever the number of known nets has doubled.
    """

    seed: int = 0
    first: int = field(default=20, validator=Range(5, 10**6, whole=True))
    parents: int = field(default=10, validator=_COUNT)
    children: int = field(default=30, validator=_COUNT)
    _told: list[Trial] = field(init=False, factory=list)
    _predictor: AccuracyPredictor | None = field(init=False, default=None)
    _learned: int = field(init=False, default=0)

    def ask(self, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """A random net, or the most promising child, the first of equal ones."""
        if len(self._told) < self.first:
            return self.nets.sample(generator, taken=taken)
        best = sorted(self._told, key=lambda trial: -trial.value)[: self.parents]
        children = [
            self.nets.near(best[number % len(best)].choices, generator, taken=taken) for number in range(self.children)
        ]
        known = [child for child in children if child is not None]
        return known[int(self._fitted().values(known).argmax())] if known else None

    def tell(self, trial: Trial) -> None:
        """Stores the trial for training the predictor."""
        self._told.append(trial)

    def _fitted(self) -> AccuracyPredictor:
        """The predictor, trained on the first nets; their number depends only on how many trials were told."""
        count = self.first
        while 2 * count <= len(self._told):
            count *= 2
        if self._predictor is None or self._learned != count:
            generator = torch.Generator().manual_seed(self.seed)
            trials = self._told[:count]
            self._predictor = fit_predictor(self.nets.space, trials, generator, held_out=0.0)
            self._learned = count
        return self._predictor
