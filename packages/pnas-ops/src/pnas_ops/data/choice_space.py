"""Spaces of nets that are identified by their choices: counting, sampling, mutation, crossover, neighbours."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import log10, prod
from typing import Generic, TypeVar

import torch
from torch import Tensor

from pnas_ops.data.listings import counted

Net = TypeVar("Net")
Value = TypeVar("Value")

_LARGEST_SHOWN = 10**6


def random_choices(options: Sequence[int], generator: torch.Generator) -> tuple[int, ...]:
    """A random option for each choice, all equally probable and independent of one another.

    Args:
        options: how many each choice has, (choices,).
        generator: on the CPU; the same state gives the same choices.
    """
    shares = torch.rand(len(options), dtype=torch.float64, generator=generator)
    return tuple((shares * torch.tensor(options)).long().tolist())


def as_shares(counts: Sequence[int]) -> Tensor:
    """Each count as a share of their sum, however large they are."""
    total = sum(counts)
    return torch.tensor([count / total for count in counts], dtype=torch.float64)


def check_choices(space_name: str, choices: Sequence[int], options: Sequence[int]) -> None:
    """Refuses anything but one valid option for each choice of the named space.

    Raises:
        ValueError: for a wrong number of choices, or an option that does not exist.
    """
    if len(choices) != len(options):
        raise ValueError(f"space {space_name!r} has {counted(len(options), 'choice')}, got {len(choices)}")
    for number, (choice, count) in enumerate(zip(choices, options, strict=True)):
        if not 0 <= choice < count:
            raise ValueError(f"choice {number} of space {space_name!r} has options 0 to {count - 1}, got {choice}")


def random_changes(count: int, probability: float, generator: torch.Generator) -> list[bool]:
    """Which choices a mutation changes.

    Args:
        count: how many choices there are.
        probability: that each of them is changed.
        generator: on the CPU; the same state gives the same changes.

    Raises:
        ValueError: for a probability below 0 or above 1.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"the probability of a mutation is between 0 and 1, got {probability}")
    changes: list[bool] = (torch.rand(count, dtype=torch.float64, generator=generator) < probability).tolist()
    return changes


def foreign_net(net: object, space_name: str) -> ValueError:
    """The error for something that is no net of the named space."""
    name = getattr(net, "name", None)
    return ValueError(f"{repr(net) if name is None else f'architecture {name!r}'} is not of space {space_name!r}")


class ChoiceSpace(ABC, Generic[Net]):
    """A space whose choices are independent of one another: each combination of options is a net.

    Where some choices do not always matter, several combinations give the same net. Such a space defines itself
    how many nets it has (`size`), how to draw one of them (`sample_choices`), and which are `neighbours`.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def options(self) -> tuple[int, ...]:
        """How many options each choice has."""

    @abstractmethod
    def architecture(self, choices: Sequence[int], *, name: str = "") -> Net:
        """The net that takes option `choices[i]` at choice i."""

    @abstractmethod
    def choices(self, architecture: object) -> tuple[int, ...]:
        """The inverse of `architecture`; a ValueError for anything but a net of this space."""

    def has(self, architecture: object) -> bool:
        """Whether it is a net of this space."""
        try:
            self.choices(architecture)
        except ValueError:
            return False
        return True

    @property
    def mixtures(self) -> tuple[int, ...]:
        """The choice of each mixture of candidates in a network of all nets: its own, unless mixtures share one."""
        return tuple(range(len(self.options)))

    def of_choices(self, of_mixtures: Sequence[Value]) -> tuple[Value, ...]:
        """One value for each choice, from one for each mixture; mixtures that share a choice have the same value.

        Args:
            of_mixtures: a value for each mixture, such as its probabilities.

        Raises:
            ValueError: for a wrong number of values.
        """
        values = dict(zip(self.mixtures, of_mixtures, strict=True))
        return tuple(values[number] for number in range(len(self.options)))

    def size(self) -> int:
        """The exact number of different nets."""
        return prod(self.options)

    def sample_choices(self, generator: torch.Generator) -> tuple[int, ...]:
        """The choices of a random net; all nets are equally probable.

        Args:
            generator: on the CPU; the same state gives the same choices.
        """
        return random_choices(self.options, generator)

    def sample(self, generator: torch.Generator, *, name: str = "") -> Net:
        """A random net; all are equally probable.

        Args:
            generator: on the CPU; the same state gives the same net.
            name: of the net; the space's by default.
        """
        return self.architecture(self.sample_choices(generator), name=name)

    def mutate(self, net: object, generator: torch.Generator, *, probability: float = 0.1) -> Net:
        """A net whose choices are each changed with this probability, all other options being equally probable.

        With n choices it is the same net in (1 - probability)^n of all cases, 15% with 18 choices: an evolution has to
        check for nets that it knows already anyway.

        Args:
            net: of this space.
            generator: on the CPU; the same state gives the same net.
            probability: of a change, from 0 to 1.

        Raises:
            ValueError: for a net of another space, or another probability.
        """
        taken, options = self.choices(net), self.options
        changes = random_changes(len(options), probability, generator)
        # A number of steps ahead, modulo the number of options: any option but the present one.
        steps = random_choices([max(1, count - 1) for count in options], generator)
        return self.architecture(
            [
                (choice + step + 1) % count if change else choice
                for choice, count, change, step in zip(taken, options, changes, steps, strict=True)
            ]
        )

    def crossover(self, one: object, other: object, generator: torch.Generator) -> Net:
        """A net that takes each choice from one of two nets, both equally probable.

        Args:
            one, other: of this space.
            generator: on the CPU; the same state gives the same net.

        Raises:
            ValueError: for a net of another space.
        """
        parents = list(zip(self.choices(one), self.choices(other), strict=True))
        taken = random_choices([2] * len(parents), generator)
        return self.architecture([pair[which] for pair, which in zip(parents, taken, strict=True)])

    def neighbours(self, net: object) -> tuple[Net, ...]:
        """All nets that differ from this one in a single choice, in the order of choices, then of options.

        Raises:
            ValueError: for a net of another space.
        """
        taken = self.choices(net)
        return tuple(
            self.architecture([*taken[:number], option, *taken[number + 1 :]])
            for number, count in enumerate(self.options)
            for option in range(count)
            if option != taken[number]
        )

    def encode(self, net: object) -> Tensor:
        """A net in one-hot encoding: for each choice a 1 at the option that it takes, and 0 at the others.

        Returns:
            Of shape (sum of `options`,), float32.

        Raises:
            ValueError: for a net of another space.
        """
        taken = zip(self.choices(net), self.options, strict=True)
        return torch.tensor([float(option == choice) for choice, count in taken for option in range(count)])

    def _size_text(self) -> str:
        size = self.size()
        return counted(size, "net") if size < _LARGEST_SHOWN else f"about 10^{log10(size):.0f} nets"
