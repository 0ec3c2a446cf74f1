"""Nets of trees, edge by edge."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.priced_net import PricedNet
from pnas_ops.data.specs import EdgeSpec, IdentitySpec, PoolSpec, TreeBlockSpec
from pnas_ops.data.tree_texts import edge_name, half_edges
from pnas_ops.data.workload import Workload
from pnas_ops.drawing.captions import priced_workloads
from pnas_ops.drawing.figures import KERNEL_COLORS, kernel_color
from pnas_ops.drawing.panels import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_MOST_ACROSS = 6
_CELL_INCHES = (2.6, 2.3)
_LABEL = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}


def trees_panel(net: Architecture | PricedNet) -> Panel:
    """A net's cells in reading order, each with both its trees and the operation of every edge.

    The colour shows the kernel; a pooling is dashed, an identity thin and grey. Blocks without trees are left out.

    Raises:
        ValueError: for images that are too small for the net.
    """
    cells = [
        (number, workload, price)
        for number, (workload, price) in enumerate(priced_workloads(net))
        if isinstance(workload.block.op, TreeBlockSpec)
    ]
    across = min(_MOST_ACROSS, len(cells))
    down = -(-len(cells) // across)

    def draw(part: "SubFigure", width: float) -> None:
        grid = part.subplots(down, max(across, int(width / _CELL_INCHES[0])), squeeze=False)
        places = list(grid.flat)
        for axes in places:
            axes.set_axis_off()
        for axes, cell in zip(places, cells, strict=False):
            _draw_cell(axes, *cell)

    return Panel((across * _CELL_INCHES[0], down * _CELL_INCHES[1]), draw)


def _draw_cell(axes: "Axes", number: int, workload: Workload, price: str) -> None:
    block = workload.block
    assert isinstance(block.op, TreeBlockSpec)
    for offset, edges in zip((0.0, 1.05), half_edges(block.op), strict=True):
        _draw_tree(axes, edges, offset)
    axes.set_xlim(-0.02, 2.07)
    axes.set_ylim(-0.18, 1.08)
    stride = f" /{block.stride}" if block.stride > 1 else ""
    axes.set_title(
        f"{number}: {block.in_channels}→{block.op.hidden_channels}→{block.out_channels}{stride}, "
        + ", ".join(part for part in (f"{workload.height}x{workload.width}", price) if part),
        fontsize=7,
    )


def _draw_tree(axes: "Axes", edges: Sequence[EdgeSpec], offset: float) -> None:
    """The root at the top; the leaves, whose sum is the result, at the bottom."""
    levels = (len(edges) + 2).bit_length() - 2

    def place(level: int, index: int) -> tuple[float, float]:
        return offset + (index + 0.5) / 2**level, 1 - level / levels

    for level in range(1, levels + 1):
        for index in range(2**level):
            edge = edges[2**level - 2 + index]
            (x0, y0), (x1, y1) = place(level - 1, index // 2), place(level, index)
            color, style, width = _look(edge)
            axes.plot([x0, x1], [y0, y1], color=color, linestyle=style, linewidth=width, zorder=1)
            # There is room between neighbours beneath a leaf, or near the end of a line.
            x, y = (x1, -0.1) if level == levels else (x0 + 0.6 * (x1 - x0), y0 + 0.6 * (y1 - y0))
            axes.text(x, y, edge_name(edge), ha="center", va="center", fontsize=6, bbox=_LABEL, zorder=2)
    dots = [place(level, index) for level in range(levels + 1) for index in range(2**level)]
    axes.scatter([x for x, _ in dots], [y for _, y in dots], s=10, color="#444444", zorder=3)


def _look(edge: EdgeSpec) -> tuple[str, str, float]:
    """Colour, style and width of a line."""
    if isinstance(edge, IdentitySpec):
        return KERNEL_COLORS[1], "-", 1.0
    color = kernel_color(edge.kernel_size)
    return (color, "--", 2.0) if isinstance(edge, PoolSpec) else (color, "-", 3.0)
