"""Devices side by side, by how much they compute per millisecond."""

import textwrap
from collections.abc import Sequence
from math import log2
from typing import TYPE_CHECKING

from pnas_latency.tables.taste import Taste, TimedBlock
from pnas_ops import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMN_INCHES, _ROW_INCHES = 0.62, 0.3
_LEAST_INCHES = 3.2
_LETTERS_PER_INCH = 15
_AROUND_INCHES = (1.2, 1.3)
_RANGE = 2.0
"""The range of colours: up to 4 times as fast as the device is on the whole, and down to a quarter of that."""
_EMPTY = "#e2e2e2"


def draw_tastes(tastes: Sequence[Taste]) -> "Figure":
    """A heat map for each device: million MACs per millisecond, by operation and size of the feature map.

    The colour is relative to the device: white for the speed of all of its blocks together, red for faster, blue for
    slower. What a table lacks is grey.

    Args:
        tastes: at least one.

    Raises:
        ValueError: for no device.
        ModuleNotFoundError: where matplotlib is not installed.
    """
    if not tastes:
        raise ValueError("there is no device to draw")
    rows = _operations(tastes)
    columns = sorted({one.resolution for taste in tastes for one in taste.blocks}, reverse=True)
    inches = max(_LEAST_INCHES, _COLUMN_INCHES * len(columns))
    figure = new_figure(inches * len(tastes) + _AROUND_INCHES[0], _ROW_INCHES * len(rows) + _AROUND_INCHES[1])
    panels = figure.subplots(1, len(tastes), squeeze=False, sharey=True)[0]
    for axes, taste in zip(panels, tastes, strict=True):
        _draw_taste(axes, taste, rows, columns)
        named = taste.device if taste.name == taste.device else f"{taste.name}: {taste.device}"
        title = textwrap.fill(named, int(inches * _LETTERS_PER_INCH))
        axes.set_title(title, loc="left", fontsize=8, parse_math=False)
    panels[0].set_yticks(range(len(rows)), labels=rows, fontsize=8, parse_math=False)
    figure.suptitle("Million MACs in a millisecond; red: faster than the device on the whole", fontsize=9)
    return figure


def _draw_taste(axes: "Axes", taste: Taste, rows: Sequence[str], columns: Sequence[int]) -> None:
    speeds = taste.speeds(lambda one: (str(one.block.op), one.resolution))
    whole = taste.macs_per_ms
    nothing = float("nan")
    shares = [[speeds.get((row, column), nothing) / whole for column in columns] for row in rows]
    colors = [[log2(share) if share == share else nothing for share in row] for row in shares]
    axes.set_facecolor(_EMPTY)
    axes.imshow(colors, cmap="RdBu_r", vmin=-_RANGE, vmax=_RANGE, aspect="auto")
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            if (row, column) in speeds:
                dark = abs(colors[y][x]) > 0.6 * _RANGE
                text = f"{speeds[row, column] / 1e6:.3g}"
                axes.text(x, y, text, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    axes.set_xticks(range(len(columns)), labels=list(map(str, columns)), fontsize=8)
    axes.set_xlabel("pixels of the map", fontsize=8)


def _operations(tastes: Sequence[Taste]) -> list[str]:
    """Sorts operations by kind, then by expansion and kernel size."""

    def key(one: TimedBlock) -> tuple[str, int, int, str]:
        op = one.block.op
        return (type(op).__name__, getattr(op, "expansion", 0), op.kernel_size, str(op))

    found = sorted((one for taste in tastes for one in taste.blocks), key=key)
    return list(dict.fromkeys(str(one.block.op) for one in found))
