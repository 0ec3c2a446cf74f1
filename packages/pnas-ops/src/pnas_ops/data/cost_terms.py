"""The cost of a net where it is no sum over single choices: each term depends on a few of them."""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import field, frozen
from attrs.validators import min_len

if TYPE_CHECKING:
    from pnas_ops.data.workload import AnyWorkload


@frozen(kw_only=True)
class CostTerm:
    """A part of a net's cost that a few of its choices decide together.

    For example, an edge of a cell costs something only if its node takes it as an input, and a block's cost depends on
    how many channels the block before it gives.

    Attributes:
        choices: the indices of these choices in the space, each once; none for what all nets have.
        options: how many options each of them has.
        computed: what a net computes here, one row for each combination of the options, the last choice's option
            changing fastest; an empty row computes nothing.
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
        """The row index in `computed` for the net with these choices, one option for each choice of the space."""
        row = 0
        for number, options in zip(self.choices, self.options, strict=True):
            row = row * options + choices[number]
        return row

    def of(self, choices: Sequence[int]) -> tuple["AnyWorkload", ...]:
        """What the net with these choices (one option for each choice of the space) computes here."""
        return self.computed[self.row(choices)]


@runtime_checkable
class HasCostTerms(Protocol):
    """A space that defines itself what its nets compute, term by term."""

    def cost_terms(self) -> tuple[CostTerm, ...]:
        """The terms; their rows for the choices of a net hold everything that it computes."""


@frozen(kw_only=True)
class Condition:
    """When a choice matters: only with some options of another choice.

    Attributes:
        choice: the index of the other choice.
        options: the options of the other choice with which this one matters.
    """

    choice: int
    options: frozenset[int]


@runtime_checkable
class HasConditions(Protocol):
    """A space where some choices do not always matter, so that several combinations give the same net."""

    def conditions(self) -> tuple[Condition | None, ...]:
        """When each choice matters; None where it always does."""
