"""The most probable nets that a budget allows, one after another."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import overload
from warnings import warn

from torch import Tensor

from pnas_latency.choosing.best_first import Allows, TooManyChoicesError, in_order
from pnas_latency.choosing.bound import Bound, Choice
from pnas_latency.choosing.limit import Limit
from pnas_latency.choosing.weighed import Weighed
from pnas_latency.choosing.within_budget import UnprovenChoiceWarning, most_probable_choice
from pnas_latency.metrics.sharing import Shared
from pnas_ops import AnyNet, AnySpace, Architecture, Condition, HasConditions, Space, counted


class FewerNetsWarning(UserWarning):
    """There may be further nets within the limits, and too many come near them to look at all."""

    def __init__(self, space: str, found: int) -> None:
        super().__init__(
            f"of the nets of {space!r} the {counted(found, 'most probable one')} within the limits were found, and too "
            "many come near the limits to look for more: loosen a limit"
        )


@overload
def most_probable_within_budget(
    probs: Sequence[Tensor], space: Space, limits: Sequence[Limit], *, name: str = "", shared: Shared = None
) -> Iterator[Architecture]: ...


@overload
def most_probable_within_budget(
    probs: Sequence[Tensor], space: AnySpace, limits: Sequence[Limit], *, name: str = "", shared: Shared = None
) -> Iterator[AnyNet]: ...


def most_probable_within_budget(
    probs: Sequence[Tensor], space: AnySpace, limits: Sequence[Limit], *, name: str = "", shared: Shared = None
) -> Iterator[AnyNet]:
    """The nets within the limits, each once, from the most probable on: the first is that of `choose_within_budget`.

    Probabilities of 0, choices that mean nothing beside others, limits and digits are as they are there. As many are
    computed as are asked for: `islice(most_probable_within_budget(...), 24)`. Of equally probable nets the order is
    always the same for the same input.

    The K-th takes about K times as long as the first. Where several hundred thousand partial nets do not suffice for
    the next one, it ends with a `FewerNetsWarning`.

    Args:
        probs, space, limits, name, shared: see `choose_within_budget`.

    Raises:
        InfeasibleBudgetError, ValueError, LookupError: as `choose_within_budget` does, at once.
    """
    weighed = Weighed.of(probs, space, limits, shared)
    found = most_probable_choice(weighed, space, limits)
    assert found.choice is not None
    if found.better_by > 0:
        warn(UnprovenChoiceWarning(space.name, found.better_by), stacklevel=2)
    conditions = space.conditions() if isinstance(space, HasConditions) else ()
    usual = [_most_probable(*pair) for pair in zip(weighed.unlikely, weighed.resorts, strict=True)]
    first = _canonical(found.choice, conditions, usual)
    return (
        space.architecture(weighed.of_blocks(choice), name=name)
        for choice in _first_and_others(first, weighed, _sense(conditions, usual), space.name)
    )


def _first_and_others(first: Choice, weighed: Weighed, allows: Allows | None, space: str) -> Iterator[Choice]:
    yield first
    count = 1
    try:
        for choice in _by_resorts(weighed, allows):
            if choice != first:
                count += 1
                yield choice
    except TooManyChoicesError:
        warn(FewerNetsWarning(space, count), stacklevel=3)


def _by_resorts(weighed: Weighed, allows: Allows | None) -> Iterator[Choice]:
    """First those without a last resort, then those with one, and so on."""
    resorts = weighed.resorts
    if not any(map(any, resorts)):
        yield from in_order(weighed.unlikely, weighed.bounds, allows=allows)
        return
    for count in range(sum(map(any, resorts)) + 1):
        exactly = (
            Bound(costs=resorts, at_most=float(count)),
            Bound(costs=[[-number for number in row] for row in resorts], at_most=-float(count)),
        )
        yield from in_order(weighed.unlikely, [*weighed.bounds, *exactly], allows=allows)


def _most_probable(unlikely: Sequence[Fraction], resorts: Sequence[float]) -> int:
    pairs = list(zip(resorts, unlikely, strict=True))
    return pairs.index(min(pairs))


def _canonical(choice: Choice, conditions: Sequence[Condition | None], usual: Sequence[int]) -> Choice:
    """With the most probable option where a choice means nothing: of all that give one net, the one that counts."""
    return tuple(
        option if condition is None or choice[condition.choice] in condition.options else best
        for option, condition, best in zip(choice, conditions or [None] * len(choice), usual, strict=True)
    )


def _sense(conditions: Sequence[Condition | None], usual: Sequence[int]) -> Allows | None:
    """Whether each choice that means nothing has its most probable option, so that each net comes once."""
    asked = [(number, condition) for number, condition in enumerate(conditions) if condition is not None]
    if not asked:
        return None

    def allows(taken: Mapping[int, int]) -> bool:
        return all(
            number not in taken
            or condition.choice not in taken
            or taken[condition.choice] in condition.options
            or taken[number] == usual[number]
            for number, condition in asked
        )

    return allows
