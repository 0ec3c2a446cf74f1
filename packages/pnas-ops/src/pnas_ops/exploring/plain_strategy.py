"""What strategies have in common that train nothing in order to ask."""

from abc import ABC, abstractmethod
from collections.abc import Collection

import torch
from attrs import define, field
from attrs.validators import instance_of

from pnas_ops.exploring.feasible_nets import FeasibleNets
from pnas_ops.exploring.protocols import Choices, Trial


@define(kw_only=True, eq=False)
class PlainStrategy(ABC):
    """A `Strategy` whose asking costs nothing.

    Attributes:
        nets: the nets that it may ask for.
    """

    nets: FeasibleNets = field(validator=instance_of(FeasibleNets))

    @property
    def epochs(self) -> float:
        """0."""
        return 0.0

    @abstractmethod
    def ask(self, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """As `Strategy.ask`.

        Raises:
            ScarceNetsError: where no further net was found, though there may be one.
        """

    @abstractmethod
    def tell(self, trial: Trial) -> None:
        """As `Strategy.tell`."""
