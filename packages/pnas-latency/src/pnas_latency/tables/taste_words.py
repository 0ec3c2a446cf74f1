"""What tables say about their devices, in sentences."""

from collections.abc import Sequence
from itertools import chain

from pnas_latency.tables.taste import Price, Taste

_CLEAR = 0.3
"""A rank correlation that is more than chance with some hundred blocks."""
_APART = 0.1
"""Two such correlations that differ by less count as equal."""
_ALIKE = 1.05
"""Times count as equal up to this ratio."""


def taste_sentences(tastes: Sequence[Taste]) -> tuple[str, ...]:
    """For each device, how its speed depends on the size of blocks, and what large kernels and expansions cost; for
    several devices, also which one favours large blocks most.
    """
    said = chain.from_iterable(_of_device(taste) for taste in tastes)
    return (*said, *([_compared(tastes)] if len(tastes) > 1 else []))


def _of_device(taste: Taste) -> list[str]:
    correlation = taste.size_correlation or 0.0
    likes = "it does not care how large blocks are"
    if abs(correlation) >= _CLEAR:
        likes = "it likes few large blocks" if correlation > 0 else "it likes many small blocks"
    lines = [
        f"{taste.name}: the quarter of blocks with most MACs is computed {taste.size_gain:.2f} times as fast as that "
        f"with fewest (rank correlation of speed and MACs {correlation:+.2f}): {likes}."
    ]
    for option, what in (("kernel_size", "kernel"), ("expansion", "expansion")):
        values = sorted({value for one in taste.blocks if (value := getattr(one.block.op, option, 1)) > 1})
        prices = taste.prices(option, large=values[-1], small=values[0]) if len(values) > 1 else {}
        if prices:
            lines.append(_of_option(what, values[-1], values[0], prices))
    return lines


def _of_option(what: str, large: int, small: int, prices: dict[int, Price]) -> str:
    first, last = max(prices), min(prices)
    at_first, at_last = prices[first], prices[last]
    said = (
        f"  {what} {large} takes {at_first.time:.2f} times as long as {small} at {first} pixels "
        f"({at_first.macs:.2f} times the MACs)"
    )
    if first == last:
        return f"{said}."
    ratio = at_first.time / at_last.time
    where = "as much where the map is small"
    if ratio > _ALIKE:
        where = "less where the map is small"
    elif ratio < 1 / _ALIKE:
        where = "more where the map is small"
    return f"{said}, {at_last.time:.2f} at {last} ({at_last.macs:.2f}): a large {what} costs {where}."


def _compared(tastes: Sequence[Taste]) -> str:
    most = max(tastes, key=lambda taste: taste.size_correlation or 0.0)
    least = min(tastes, key=lambda taste: taste.size_correlation or 0.0)
    correlations = [taste.size_correlation or 0.0 for taste in (most, least)]
    if correlations[0] - correlations[1] < _APART:
        return "In this the devices do not differ."
    return (
        f"Of these, {most.name} likes large blocks most ({correlations[0]:+.2f}), {least.name} least "
        f"({correlations[1]:+.2f})."
    )
