"""What looks for nets, and what says how good a net is."""

from collections.abc import Collection, Iterable
from typing import Any, Protocol

import torch
from attrs import field, frozen
from attrs.validators import ge

from pnas_ops.data.ranges import Range

Choices = tuple[int, ...]
"""A net of a space as what it takes at each of its choices, as in `ChoiceSpace.choices`."""


_FINITE = Range(-1e300, 1e300)
"""A net that is not known to be good is not told: no strategy can learn from NaN."""


# Not `tuple` itself, with which mypy lets nobody give anything.
def _choices(values: Iterable[int]) -> Choices:
    return tuple(values)


def _costs(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(values)


@frozen(kw_only=True)
class Judgement:
    """What a judge says of one net.

    Attributes:
        value: how good the net is, the larger the better: an accuracy from 0 to 1, or a proxy of it.
        epochs: passes over the training images that it took to say so; of a table, those of one training of its nets.
    """

    value: float = field(converter=float, validator=_FINITE)
    epochs: float = field(default=0.0, converter=float, validator=ge(0))


@frozen(kw_only=True)
class Trial:
    """A net that has been judged.

    Attributes:
        choices: of the net.
        value: how good it is, the larger the better.
        costs: what is to be small besides, such as milliseconds; empty where the value alone counts.
    """

    choices: Choices = field(converter=_choices)
    value: float = field(converter=float, validator=_FINITE)
    costs: tuple[float, ...] = field(default=(), converter=_costs)


class Strategy(Protocol):
    """Looks for good nets by asking for the value of one after another.

    Its state is what it was told: a new one that is told the same trials in the same order goes on in the same way.
    """

    @property
    def epochs(self) -> float:
        """Passes over the training images that asking has taken so far: 0 but for those that train a supernet."""

    def ask(self, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """A net to judge next, within the limits.

        Args:
            generator: on the CPU; the same state gives the same net.
            taken: nets that are judged already or are being judged now, of which none is asked for again.

        Returns:
            Its choices; None where there is no further net.
        """

    def tell(self, trial: Trial) -> None:
        """Takes the value of a net, whoever asked for it."""


class Judge(Protocol):
    """Says how good nets are."""

    def judge(self, architecture: Any, generator: torch.Generator) -> Judgement:
        """How good a net is.

        Args:
            architecture: a net of the judge's space.
            generator: of all that is random in judging; the same state gives the same judgement.
        """
