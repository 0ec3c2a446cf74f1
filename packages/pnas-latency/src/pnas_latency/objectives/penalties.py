"""Fixed prices of an expected cost. All losses and costs are scalar tensors."""

from typing import Protocol

import torch
from attrs import field, frozen
from torch import Tensor

from pnas_ops import Range


class Term(Protocol):
    """One step from the task's loss to the objective, for one expected cost."""

    def __call__(self, loss: Tensor, cost: Tensor) -> Tensor:
        """The objective so far, with the cost included."""
        ...


@frozen(kw_only=True)
class LinearPenalty:
    """loss + weight * (E - reference) / reference.

    The original's "add#linear" form of ProxylessNAS's equation 7 (arXiv 1812.00332).

    Attributes:
        weight: what a cost of twice the reference adds to the loss.
        reference: the cost that adds nothing; cheaper nets are rewarded.
    """

    weight: float = field(validator=Range(0.0, 1e6))
    reference: float = field(validator=Range(0.0, 1e18, above=True))

    def __call__(self, loss: Tensor, cost: Tensor) -> Tensor:
        """The objective."""
        return loss + self.weight * (cost - self.reference) / self.reference


@frozen(kw_only=True)
class AbsolutePenalty:
    """loss + weight * |E / target - 1|, which pulls towards the target from both sides (TuNAS, arXiv 2008.06120).

    Attributes:
        weight: what a cost of twice the target adds to the loss.
        target: the desired cost.
    """

    weight: float = field(validator=Range(0.0, 1e6))
    target: float = field(validator=Range(0.0, 1e18, above=True))

    def __call__(self, loss: Tensor, cost: Tensor) -> Tensor:
        """The objective."""
        return loss + self.weight * (cost / self.target - 1).abs()


@frozen(kw_only=True)
class MultiplicativeLog:
    """scale * loss * (log E / log reference) ** exponent: "mul#log", which the original's published search used.

    Attributes:
        reference: the cost at which the factor is `scale`.
        scale: the original's alpha.
        exponent: the original's beta.
        unit: the cost whose logarithm is 0; 1 for the original's milliseconds on a phone. Costs must be above it, so
            nets faster than a few milliseconds need a smaller unit.
    """

    reference: float = field(validator=Range(0.0, 1e18, above=True))
    scale: float = field(default=0.2, validator=Range(0.0, 1e6, above=True))
    exponent: float = field(default=0.3, validator=Range(0.0, 1e6))
    unit: float = field(default=1.0, validator=Range(0.0, 1e18, above=True))

    def __attrs_post_init__(self) -> None:
        if self.reference <= self.unit:
            raise ValueError(
                f"the reference {self.reference:g} must be above the unit {self.unit:g}: take a smaller unit"
            )

    def __call__(self, loss: Tensor, cost: Tensor) -> Tensor:
        """The objective.

        Raises:
            ValueError: for a cost that is not above `unit`.
        """
        if not cost > self.unit:
            raise ValueError(
                f"a cost of {float(cost):g} has no positive logarithm in units of {self.unit:g}: take a smaller unit"
            )
        logarithm = torch.log(cost / self.unit) / torch.log(cost.new_tensor(self.reference / self.unit))
        return self.scale * loss * logarithm**self.exponent
