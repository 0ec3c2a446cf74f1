"""Local search: from net to better neighbour."""

from collections.abc import Collection

import torch
from attrs import define, field

from pnas_ops.data.choice_space import random_choices
from pnas_ops.exploring.plain_strategy import PlainStrategy
from pnas_ops.exploring.protocols import Choices, Trial


@define(kw_only=True, eq=False)
class LocalSearch(PlainStrategy):
    """Asks for the neighbours of a net, moves to the first that is better, and restarts if none is.

    Neighbours are the nets within the limits that differ in one choice, in random order: `ChoiceSpace.neighbours`.

    References:
        White, Nolen, Savani, "Exploring the Loss Landscape in Neural Architecture Search", arXiv 2005.02960: the form
        that moves at the first improvement.
    """

    _values: dict[Choices, float] = field(init=False, factory=dict)
    _here: Choices | None = field(init=False, default=None)
    _around: tuple[Choices, ...] = field(init=False, default=())

    def ask(self, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """A neighbour, or a random net if all are known or taken."""
        left = [choices for choices in self._around if choices not in taken and choices not in self._values]
        if left:
            return left[random_choices([len(left)], generator)[0]]
        return self.nets.sample(generator, taken=taken)

    def tell(self, trial: Trial) -> None:
        """Moves to the net if it is better, or if no neighbour of the present one is."""
        at_the_top = all(choices in self._values for choices in self._around)
        better = self._here is None or trial.value > self._values[self._here]
        self._values[trial.choices] = trial.value
        if better or (at_the_top and trial.choices not in self._around):
            self._here = trial.choices
            space = self.nets.space
            around = map(space.choices, space.neighbours(space.architecture(trial.choices)))
            self._around = tuple(choices for choices in around if self.nets.fits(choices))
