"""A cell in NASNet's recurrent form."""

from math import log10
from typing import TYPE_CHECKING

from pnas_ops.data.sizes import cell_space_size
from pnas_ops.drawing.figures import KERNEL_COLORS, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_BLOCKS = 8
_ROW_INCHES = 0.95
_CHOICE, _OPERATION, _JOIN, _INK = "#dddddd", KERNEL_COLORS[3], KERNEL_COLORS[5], "#444444"


def draw_recurrent_cell(*, inputs: int = 2, operations: int, joins: int, blocks: int) -> "Figure":
    """The choices block by block: two hidden states, an operation on each, and how they are joined to a new one.

    Args:
        inputs, operations, joins, blocks: as in `cell_space_size`, whose result is above the picture.

    Raises:
        ValueError: as `cell_space_size` does.
        ModuleNotFoundError: where matplotlib is not installed.
    """
    logarithm = log10(cell_space_size(inputs=inputs, operations=operations, joins=joins, blocks=blocks))
    drawn = min(blocks, _MOST_BLOCKS)
    figure = new_figure(7.0, 1.0 + _ROW_INCHES * drawn)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.6, 6.9)
    axes.set_ylim(0.1 - drawn, 0.6)
    product = " x ".join(map(str, (inputs, inputs, operations, operations, joins)))
    about = f"{10 ** (logarithm % 1):.1f}e{int(logarithm)}"
    axes.set_title(f"({product})^{blocks} = {about} cells", fontsize=10)
    more = "" if drawn == blocks else f"and so on, {blocks} blocks in all; "
    ends = "h0 and h1 are the outputs of the two cells before; later blocks may take what earlier ones gave"
    axes.text(-0.5, 0.35 - drawn, more + ends, fontsize=7.5, color=_INK)
    for block in range(drawn):
        _draw_block(axes, block, inputs, operations, joins)
    return figure


def _draw_block(axes: "Axes", block: int, inputs: int, operations: int, joins: int) -> None:
    y = -float(block)
    axes.text(-0.5, y, f"block {block + 1}", fontsize=8, ha="left", va="center", color=_INK)
    for side in (0.2, -0.2):
        _draw_box(axes, 1.3, y + side, f"one of {inputs} states", _CHOICE)
        _draw_box(axes, 3.2, y + side, f"one of {operations} operations", _OPERATION, text="white")
        _draw_line(axes, (2.05, y + side), (2.4, y + side))
        _draw_line(axes, (4.0, y + side), (4.45, y + side / 4))
    _draw_box(axes, 5.1, y, f"one of {joins} joins", _JOIN)
    _draw_line(axes, (5.75, y), (6.2, y))
    box = {"boxstyle": "circle,pad=0.3", "facecolor": "white", "edgecolor": _INK}
    axes.text(6.5, y, f"h{block + 2}", fontsize=8, ha="center", va="center", bbox=box)


def _draw_box(axes: "Axes", x: float, y: float, label: str, color: str, *, text: str = "black") -> None:
    box = {"boxstyle": "round,pad=0.35", "facecolor": color, "edgecolor": "none"}
    axes.text(x, y, label, fontsize=7.5, ha="center", va="center", color=text, bbox=box)


def _draw_line(axes: "Axes", start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "->", "color": _INK, "linewidth": 0.9})
