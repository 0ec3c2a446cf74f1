"""Sums of terms that several choices decide together, and the order in which the choices are eliminated.

A choice that later terms depend on is remembered until the last of them is known (variable elimination, Bertele and
Brioschi 1972). In a chain, where a block depends on the width before it, one width is remembered at a time.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Scope = tuple[int, ...]
"""The indices of choices that decide something together."""

Table = NDArray[Any]
"""A value for each combination of the options of some choices: an axis a choice."""


@frozen
class Step:
    """The elimination of one choice.

    Attributes:
        choice: its index.
        before: the earlier choices that terms of this step or a later one depend on.
        after: which of `before` and the choice itself a later term depends on.
        complete: the terms that are known once this choice is.
    """

    choice: int
    before: Scope
    after: Scope
    complete: tuple[int, ...]

    @property
    def axes(self) -> Scope:
        """The choices that this step may depend on."""
        return (*self.before, self.choice)


@frozen
class Joint:
    """Which choices decide each term.

    Attributes:
        options: how many options each choice has.
        scopes: the choices of each term; in a row of its values, the option of the last choice changes fastest.
    """

    options: tuple[int, ...]
    scopes: tuple[Scope, ...]

    def rows(self, choice: Sequence[int]) -> list[int]:
        """For each term, the index of its value for these choices (one option for each choice of the space)."""
        rows = []
        for scope in self.scopes:
            row = 0
            for number in scope:
                row = row * self.options[number] + choice[number]
            rows.append(row)
        return rows

    def shape(self, scope: Scope) -> tuple[int, ...]:
        """How many options each of these choices has."""
        return tuple(self.options[number] for number in scope)

    def steps(self) -> tuple[Step, ...]:
        """All choices, in an order in which few combinations have to be remembered at a time."""
        if all(len(scope) == 1 for scope in self.scopes):  # same result as below, but fast for hundreds of choices
            order = sorted(range(len(self.options)), key=lambda one: (self.options[one], one))
            terms: dict[int, list[int]] = {choice: [] for choice in order}
            for term, (choice,) in enumerate(self.scopes):
                terms[choice].append(term)
            return tuple(Step(choice, (), (), tuple(terms[choice])) for choice in order)
        left, open_terms = set(range(len(self.options))), set(range(len(self.scopes)))
        before: Scope = ()
        steps: list[Step] = []
        while left:
            choice = min(left, key=lambda one: (*self._combinations(before, one, left, open_terms), one))
            after = self._after(before, choice, left, open_terms)
            left.remove(choice)
            complete = sorted(term for term in open_terms if not left & {*self.scopes[term]})
            open_terms.difference_update(complete)
            steps.append(Step(choice, before, after, tuple(complete)))
            before = after
        return tuple(steps)

    def to_come(
        self, steps: Sequence[Step], tables: Sequence[Table], *, best: Callable[..., Any], join: Callable[..., Any]
    ) -> list[Table]:
        """The best total of the terms from each step on, for each combination of the step's `before`.

        Args:
            steps: as `steps` gives them.
            tables: the values of each term, an axis a choice.
            best: reduces an axis to its minimum, or its maximum.
            join: combines two terms: their sum, or their maximum.

        Returns:
            A table for each step, and one for the end. It is 0 where no term is left.
        """
        found = [np.zeros((), dtype=tables[0].dtype if tables else np.float64)]
        for step in reversed(steps):
            total = join(self.complete_at(step, tables, join=join), spread(found[0], step.after, step.axes))
            found.insert(0, np.asarray(best(total, axis=-1)))
        return found

    def complete_at(self, step: Step, tables: Sequence[Table], *, join: Callable[..., Any]) -> Table:
        """The total of the terms that are complete at a step, with an axis for each of its `axes`."""
        total = np.zeros(self.shape(step.axes), dtype=tables[0].dtype if tables else np.float64)
        for term in step.complete:
            total = join(total, spread(tables[term], self.scopes[term], step.axes))
        return np.asarray(total)

    def best_choice(
        self, tables: Sequence[Table], *, best: Callable[..., Any], pick: Callable[..., Any], join: Callable[..., Any]
    ) -> tuple[int, ...]:
        """The choices with the least, or the largest, total of terms; ties are always broken alike.

        Args:
            tables: the values of each term, an axis a choice; for maxima, none of them negative.
            best, join: as `to_come` takes them.
            pick: the index of what `best` returns.
        """
        steps = self.steps()
        to_come = self.to_come(steps, tables, best=best, join=join)
        chosen: dict[int, int] = {}
        for step, rest in zip(steps, to_come[1:], strict=True):
            total = join(self.complete_at(step, tables, join=join), spread(rest, step.after, step.axes))
            chosen[step.choice] = int(pick(total[tuple(chosen[number] for number in step.before)]))
        return tuple(chosen[number] for number in range(len(self.options)))

    def _after(self, before: Scope, choice: int, left: set[int], open_terms: set[int]) -> Scope:
        """Which of `before` and the choice are still needed once it is eliminated."""
        known = (*before, choice)
        return tuple(
            number
            for number in known
            if any(
                term in open_terms and any(one in left and one != choice for one in self.scopes[term])
                for term in self._deciding[number]
            )
        )

    @cached_property
    def _deciding(self) -> tuple[tuple[int, ...], ...]:
        """The terms that each choice decides."""
        terms: tuple[list[int], ...] = tuple([] for _ in self.options)
        for term, scope in enumerate(self.scopes):
            for number in scope:
                terms[number].append(term)
        return tuple(map(tuple, terms))

    def _combinations(self, before: Scope, choice: int, left: set[int], open_terms: set[int]) -> tuple[int, int]:
        """How many combinations are remembered after a choice, and how many are visited for it."""
        after = self._after(before, choice, left, open_terms)
        return prod(self.shape(after)), prod(self.shape((*before, choice)))


def spread(table: Table, scope: Scope, axes: Scope) -> Table:
    """A table with an axis for each choice of `axes`, in order; of length 1 where it does not depend on the choice."""
    order = sorted(range(len(scope)), key=lambda axis: axes.index(scope[axis]))
    lengths = dict(zip(scope, table.shape, strict=True))
    return table.transpose(order).reshape([lengths.get(number, 1) for number in axes])
