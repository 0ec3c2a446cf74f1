"""What a net has in memory while it runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pnas_ops.data.account import Account, AccountLine, Role
from pnas_ops.drawing.figures import KERNEL_COLORS, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROLES: dict[Role, tuple[str, str]] = {
    "input": ("read by the operator", KERNEL_COLORS[3]),
    "output": ("made by it", KERNEL_COLORS[5]),
    "waiting": ("waiting for a later one, or the end", "#c9c9c9"),
}
_PLACES = 24
"""The most operators that are named below the picture."""


def draw_memory(account: Account, *, title: str) -> "Figure":
    """The memory in use, operator by operator, with the peak marked; below it, the weights of each operator.

    Args:
        account: of a net with at least one operator.
        title: above the picture.

    Raises:
        AccountError: for a net without an operator.
        ModuleNotFoundError: where matplotlib is not installed.
    """
    peak = account.peak
    figure = new_figure(11, 6.5)
    memory, weights = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    lines = account.lines
    numbers = range(len(lines))
    base = [0.0] * len(lines)
    for role, (label, color) in _ROLES.items():
        heights = [_megabytes(_held(line, role)) for line in lines]
        memory.bar(numbers, heights, 1.0, bottom=base, color=color, edgecolor="white", linewidth=0.3, label=label)
        base = [below + height for below, height in zip(base, heights, strict=True)]
    _mark_peak(memory, lines[peak], peak, len(lines))
    memory.set_ylabel("activations, MB")
    memory.legend(loc="upper right" if peak < len(lines) / 2 else "upper left", frameon=False)
    weights.bar(numbers, [_megabytes(line.weight_bytes) for line in lines], 1.0, color=KERNEL_COLORS[7])
    weights.set_ylabel("weights, MB")
    named = _named(lines)
    weights.set_xticks(named, labels=[lines[number].place for number in named], rotation=45, ha="right", fontsize=7)
    for axes in (memory, weights):
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.01)
    memory.set_title(title, loc="left", fontsize=11, parse_math=False)
    return figure


def _mark_peak(axes: "Axes", line: AccountLine, number: int, count: int) -> None:
    height = _megabytes(line.alive_bytes)
    axes.set_ylim(0, 1.25 * height)
    left = number < count / 2
    axes.annotate(
        f"peak {height:.3g} MB: {line.place} {line.operator}",
        (number, height),
        xytext=(12 if left else -12, 14),
        textcoords="offset points",
        ha="left" if left else "right",
        arrowprops={"arrowstyle": "-", "color": "#444444"},
        parse_math=False,
    )


def _held(line: AccountLine, role: Role) -> int:
    return sum(one.size_bytes for one in line.alive if one.role == role)


def _named(lines: Sequence[AccountLine]) -> list[int]:
    """Operators at equal distances."""
    step = -(-len(lines) // _PLACES)
    return list(range(0, len(lines), step))


def _megabytes(size_bytes: int) -> float:
    return size_bytes / 1e6
