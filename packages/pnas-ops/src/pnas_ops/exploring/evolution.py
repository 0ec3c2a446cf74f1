"""Evolution where the oldest net dies."""

from collections import deque
from collections.abc import Collection

import torch
from attrs import define, field

from pnas_ops.data.choice_space import random_choices
from pnas_ops.data.ranges import Range
from pnas_ops.exploring.plain_strategy import PlainStrategy
from pnas_ops.exploring.protocols import Choices, Trial


@define(kw_only=True, eq=False)
class RegularizedEvolution(PlainStrategy):
    """Mutates the best of a few nets drawn from the latest ones; nets leave the population by age alone.

    So a net that looks good only by a lucky training is forgotten unless its offspring are good too.

    Attributes:
        population: how many nets it draws from; it asks for random ones until it was told so many. Both defaults are
            those of NAS-Bench-201 (arXiv 2001.00326), for tens to hundreds of nets; the paper has 100 and 25 for
            20,000.
        tournament: how many nets are drawn, with replacement; the best is the parent.

    References:
        Real et al., "Regularized Evolution for Image Classifier Architecture Search", arXiv 1802.01548, algorithm 1.
    """

    population: int = field(default=10, validator=Range(1, 10**6, whole=True))
    tournament: int = field(default=3, validator=Range(1, 10**6, whole=True))
    _alive: deque[Trial] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._alive = deque(maxlen=self.population)

    def ask(self, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """A random net, or a child."""
        if len(self._alive) < self.population:
            return self.nets.sample(generator, taken=taken)
        drawn = [self._alive[number] for number in random_choices([self.population] * self.tournament, generator)]
        parent = max(drawn, key=lambda trial: trial.value)
        return self.nets.near(parent.choices, generator, taken=taken)

    def tell(self, trial: Trial) -> None:
        """The net joins the population, and the oldest leaves it."""
        self._alive.append(trial)
