"""What is in memory while operators run in turn."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from attrs import frozen

Key = TypeVar("Key", bound=Hashable)


@frozen(kw_only=True)
class MemoryStep(Generic[Key]):
    """What an operator does to memory.

    Attributes:
        result: the key of its result: a new one, or that of an existing tensor if it writes into that.
        size: of the result, in any unit.
        reads: the keys of what it reads.
        in_place: whether it may overwrite an operand of its result's size that nothing reads later.
    """

    result: Key
    size: int
    reads: tuple[Key, ...]
    in_place: bool = False


def alive_over_time(
    steps: Sequence[MemoryStep[Key]], *, given: Mapping[Key, int], kept: Collection[Hashable]
) -> tuple[Mapping[Key, int], ...]:
    """The keys and sizes of what is alive while each operator runs, its result included.

    A result is alive from the operator that computes it to the last that reads it. A result that overwrites an operand
    takes no memory of its own while its operator runs.

    Args:
        steps: the operators, in the order in which they run.
        given: what is there from the start, until it is last read, or to the end if nothing reads it.
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
