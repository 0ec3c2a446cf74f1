"""What is in memory while operators run in turn."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from attrs import frozen

Key = TypeVar("Key", bound=Hashable)


@frozen(kw_only=True)
class MemoryStep(Generic[Key]):
    """An operator as memory sees it.

    Attributes:
        result: what it computes, by a key of its own; by the key of what is there already, where it writes into that.
        size: of the result, in any unit.
        reads: the keys of what it reads.
        in_place: whether it may write over something that it reads, of its result's size, that nobody reads later.
    """

    result: Key
    size: int
    reads: tuple[Key, ...]
    in_place: bool = False


def alive_over_time(
    steps: Sequence[MemoryStep[Key]], *, given: Mapping[Key, int], kept: Collection[Hashable]
) -> tuple[Mapping[Key, int], ...]:
    """What is alive while each operator runs, its result included: keys and sizes.

    A result is alive from the operator that computes it to the last that reads it. One that is written over something
    is not there besides that something, while its operator runs.

    Args:
        steps: the operators, in the order in which they run.
        given: what is there from the start, each until it was read for the last time, or to the end where nobody does.
        kept: what stays to the end.
    """
    last_read = {key: index for index, step in enumerate(steps) for key in step.reads}
    alive = dict(given)
    moments: list[Mapping[Key, int]] = []
    for index, step in enumerate(steps):
        done = {key for key in step.reads if last_read[key] == index} - {step.result, *kept}
        reused = step.in_place and any(alive[key] == step.size for key in done)
        after = alive if step.result in alive else alive | {step.result: step.size}
        moments.append(alive if reused else after)
        if last_read.get(step.result, -1) <= index and step.result not in kept:
            done.add(step.result)
        alive = {key: size for key, size in after.items() if key not in done}
    return tuple(moments)
