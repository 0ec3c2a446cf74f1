"""What a net costs, where that is no sum over single choices: each term depends on a few of them."""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import field, frozen
from attrs.validators import min_len

if TYPE_CHECKING:
    from pnas_ops.data.workload import AnyWorkload


@frozen(kw_only=True)
class CostTerm:
    """A part of what a net costs, which a few of its choices decide together.

    An edge of a cell costs something where its node takes it as an input; a block's cost depends on how many channels
    the block before it gives.

    Attributes:
        choices: the numbers of those choices in the space, each once; none for what all nets have.
        options: how many options each of them has.
        computed: what a net computes here, one row for each combination of the options, the last choice's option
            changing fastest: nothing at all where it is empty.
    """

    choices: tuple[int, ...]
    options: tuple[int, ...]
    computed: tuple[tuple["AnyWorkload", ...], ...] = field(validator=min_len(1))

    def __attrs_post_init__(self) -> None:
        if len(self.choices) != len(self.options) or len({*self.choices}) != len(self.choices):
            raise ValueError(f"a term of choices {self.choices} cannot have options {self.options}")
        if len(self.computed) != prod(self.options):
            raise ValueError(f"options {self.options} combine in {prod(self.options)} ways, got {len(self.computed)}")

    def row(self, choices: Sequence[int]) -> int:
        """Which row of `computed` is that of the net with these choices, one for each choice of the space."""
        row = 0
        for number, options in zip(self.choices, self.options, strict=True):
            row = row * options + choices[number]
        return row

    def of(self, choices: Sequence[int]) -> tuple["AnyWorkload", ...]:
        """What the net with these choices (one option for each choice of the space) computes here."""
        return self.computed[self.row(choices)]


@runtime_checkable
class HasCostTerms(Protocol):
    """A space that says itself what its nets compute, term by term."""

    def cost_terms(self) -> tuple[CostTerm, ...]:
        """Terms whose rows for the choices of a net hold all that it computes."""


@frozen(kw_only=True)
class Condition:
    """When a choice matters: only beside some options of another choice.

    Attributes:
        choice: the number of the other one.
        options: the options of that choice beside which it matters.
    """

    choice: int
    options: frozenset[int]


@runtime_checkable
class HasConditions(Protocol):
    """A space in which some choices do not matter beside others, so that several choices give the same net."""

    def conditions(self) -> tuple[Condition | None, ...]:
        """When each choice means something; None where it always does."""
