"""Protocols of what searches for nets, and of what judges them."""

from collections.abc import Collection, Iterable
from typing import Any, Protocol

import torch
from attrs import field, frozen
from attrs.validators import ge

from pnas_ops.data.ranges import Range

Choices = tuple[int, ...]
"""A net of a space as its option at each choice, as in `ChoiceSpace.choices`."""


_FINITE = Range(-1e300, 1e300)
"""Values are finite: no strategy can learn from NaN, so a net without a value is not told."""


# Not `tuple` itself, for which mypy accepts no argument.
def _choices(values: Iterable[int]) -> Choices:
    return tuple(values)


def _costs(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(values)


@frozen(kw_only=True)
class Judgement:
    """What a judge says about one net.

    Attributes:
        value: how good the net is; larger is better: an accuracy from 0 to 1, or a proxy of it.
        epochs: epochs over the training images that judging took; for a table, those of one training of its nets.
    """

    value: float = field(converter=float, validator=_FINITE)
    epochs: float = field(default=0.0, converter=float, validator=ge(0))


@frozen(kw_only=True)
class Trial:
    """A net that has been judged.

    Attributes:
        choices: of the net.
        value: how good it is; larger is better.
        costs: what should also be small, such as milliseconds; empty if only the value counts.
    """

    choices: Choices = field(converter=_choices)
    value: float = field(converter=float, validator=_FINITE)
    costs: tuple[float, ...] = field(default=(), converter=_costs)


class Strategy(Protocol):
    """Searches for good nets by asking for the value of one after another.

    Its state is what it was told: a new one that is told the same trials in the same order continues in the same way.
    """

    @property
    def epochs(self) -> float:
        """Epochs over the training images that asking has taken so far: 0 unless it trains a supernet."""

    def ask(self, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """A net to judge next, within the limits.

        Args:
            generator: on the CPU; the same state gives the same net.
            taken: nets that have been or are being judged; none of them is asked for again.

        Returns:
            Its choices; None if there is no further net.
        """

    def tell(self, trial: Trial) -> None:
        """Takes the value of a net, whoever asked for it."""


class Judge(Protocol):
    """Says how good nets are."""

    def judge(self, architecture: Any, generator: torch.Generator) -> Judgement:
        """How good a net is.

        Args:
            architecture: a net of the judge's space.
            generator: for all randomness in judging; the same state gives the same judgement.
        """
