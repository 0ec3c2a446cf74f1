"""How many values a block holds at once."""

from collections.abc import Collection, Sequence

from pnas_latency.metrics.operators import Operator


def peak_values(operators: Sequence[Operator], input_values: int, *, in_place: Collection[str] = ()) -> int:
    """The largest number of values that are alive at once while the operators run in turn, constants left out.

    A result is alive from the operator that computes it to the last that reads it, the block's input from the start,
    the last result to the end.

    Args:
        operators: of a block.
        input_values: number of those of its input.
        in_place: names of the operators that write over an operand of their result's size that nobody reads later.
    """
    last_read = {result: index for index, one in enumerate(operators) for result in one.reads}
    alive: dict[Operator | None, int] = {None: input_values}
    peak = input_values
    for index, one in enumerate(operators):
        dying = [result for result in {*one.reads} if last_read[result] == index]
        reuses = one.name in in_place and any(alive[result] == one.values for result in dying)
        peak = max(peak, sum(alive.values()) + (0 if reuses else one.values))
        alive[one] = one.values
        for result in dying:
            del alive[result]
    return peak
