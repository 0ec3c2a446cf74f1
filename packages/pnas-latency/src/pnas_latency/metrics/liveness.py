"""How many values a block holds at once."""

from collections.abc import Collection, Sequence

from pnas_latency.metrics.operators import Operator
from pnas_ops import MemoryStep, alive_over_time


def peak_values(operators: Sequence[Operator], input_values: int, *, in_place: Collection[str] = ()) -> int:
    """The largest number of values that are alive at once while the operators run in turn, constants left out.

    A result is alive from the operator that computes it to the last that reads it, the block's input from the start,
    the last result to the end.

    Args:
        operators: of a block.
        input_values: number of values of its input.
        in_place: names of the operators that overwrite an operand of their result's size that nothing reads later.
    """
    steps: list[MemoryStep[Operator | None]] = [
        MemoryStep(result=one, size=one.values, reads=one.reads, in_place=one.name in in_place) for one in operators
    ]
    given: dict[Operator | None, int] = {None: input_values}
    moments = alive_over_time(steps, given=given, kept=operators[-1:])
    return max((sum(moment.values()) for moment in moments), default=input_values)
