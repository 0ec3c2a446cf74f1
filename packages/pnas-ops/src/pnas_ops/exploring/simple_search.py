"""Searches that learn nothing: the baselines for all others."""

from collections.abc import Collection

import torch
from attrs import define

from pnas_ops.exploring.plain_strategy import PlainStrategy
from pnas_ops.exploring.protocols import Choices, Trial


@define(kw_only=True, eq=False)
class RandomSearch(PlainStrategy):
    """Asks for random nets; all that are left are equally probable: see `FeasibleNets.sample`.

    Not Optuna's random search, which draws options and not nets, and knows neither limits nor taken nets.
    """

    def ask(self, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """A random net."""
        return self.nets.sample(generator, taken=taken)

    def tell(self, trial: Trial) -> None:
        """Forgets it."""


@define(kw_only=True, eq=False)
class GridSearch(PlainStrategy):
    """Asks for all nets in the order of their choices, the last one's option changing fastest, until it is stopped.

    Not Optuna's grid search, which lists the whole grid first: spaces worth a search have too many nets for that.
    """

    def ask(self, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """The first net that is not taken."""
        return next((choices for choices in self.nets.every() if choices not in taken), None)

    def tell(self, trial: Trial) -> None:
        """Forgets it."""
