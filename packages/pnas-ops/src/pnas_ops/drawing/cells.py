"""Cells as graphs."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from math import fsum
from typing import TYPE_CHECKING

from attrs import frozen

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.cell_operations import NoneSpec
from pnas_ops.data.cells import CellKind, CellSpec, CellStackSpec, placed_cells
from pnas_ops.data.listings import counted
from pnas_ops.data.priced_net import PricedNet
from pnas_ops.data.specs import CellOpSpec, IdentitySpec, PoolSpec
from pnas_ops.data.tree_texts import edge_name
from pnas_ops.drawing.captions import priced_workloads
from pnas_ops.drawing.figures import KERNEL_COLORS, kernel_color
from pnas_ops.drawing.panels import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_INCHES_OF_A_STATE = 1.25
_HEIGHT_INCHES = 3.0
_LABEL = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
_INK, _JOIN = "#444444", "#bbbbbb"

Point = tuple[float, float]


@frozen
class _Drawn:
    """A cell, and the text above it."""

    cell: CellSpec
    title: str


def cells_panel(net: Architecture | PricedNet) -> Panel:
    """Every different cell of a net from its inputs to its output, and how often it occurs.

    The colour shows the kernel; a pooling is dashed, an identity thin, a 1x1 convolution thick and grey. Edges without
    an operation are left out, and so are blocks without cells.

    Raises:
        ValueError: for images that are too small for the net.
    """
    drawn = _different_cells(net)
    states = max(one.cell.inputs + len(one.cell.nodes) for one in drawn)

    def draw(part: "SubFigure", width: float) -> None:
        across = max(len(drawn), int(width / (states * _INCHES_OF_A_STATE)))
        for axes, one in zip_longest(part.subplots(1, across, squeeze=False).flat, drawn):
            axes.set_axis_off()
            if one is not None:
                _draw_cell(axes, one)

    return Panel((len(drawn) * states * _INCHES_OF_A_STATE, _HEIGHT_INCHES), draw)


def _different_cells(net: Architecture | PricedNet) -> list[_Drawn]:
    found: dict[CellKind, tuple[CellSpec, list[int]]] = {}
    priced = priced_workloads(net)
    for workload, _ in priced:
        block = workload.block
        if isinstance(block.op, CellStackSpec):
            for place in placed_cells(block.op, block.in_channels):
                found.setdefault(place.kind, (place.cell, []))[1].append(place.channels)
    total = ""
    if isinstance(net, PricedNet):
        ms = fsum(
            block_ms
            for block_ms, (workload, _) in zip(net.block_ms, priced, strict=True)
            if isinstance(workload.block.op, CellStackSpec)
        )
        total = f"; all cells {ms:.3f} ms"
    return [_Drawn(cell, f"{kind}: {_times(channels)}{total}") for kind, (cell, channels) in found.items()]


def _times(channels: Sequence[int]) -> str:
    counts = {width: channels.count(width) for width in dict.fromkeys(channels)}
    return ", ".join(f"{count} of {counted(width, 'channel')}" for width, count in counts.items())


def _draw_cell(axes: "Axes", one: _Drawn) -> None:
    cell = one.cell
    states = _places(cell)
    out = (states[-1][0] + 1.0, 0.0)
    for node, edges in enumerate(cell.nodes):
        end = states[cell.inputs + node]
        for number, edge in enumerate(edges):
            if not isinstance(edge.op, NoneSpec):
                start = states[edge.source]
                # Longer edges bend around the outside: those of the two inputs on their sides, others alternately.
                above = edge.source == 0 if edge.source < cell.inputs > 1 else (number + node) % 2 == 0
                side = 1 if above else -1
                bend = side * (0.12 + 0.22 * max(0.0, end[0] - start[0] - 1))
                _draw_edge(axes, edge.op, start, end, bend)
    for number in cell.outputs:
        axes.plot(
            *zip(*_curve(states[number], out, -0.12 * (out[0] - states[number][0] - 1)), strict=True), color=_JOIN
        )
    names = [f"in {number}" if cell.inputs > 1 else "in" for number in range(cell.inputs)]
    names += [str(cell.inputs + number) for number in range(len(cell.nodes))]
    joined = "" if len(cell.outputs) == 1 else f"\n{'concat' if cell.join == 'concatenation' else 'sum'}"
    for (x, y), name in zip([*states, out], [*names, f"out{joined}"], strict=True):
        axes.text(x, y, name, ha="center", va="center", fontsize=7, zorder=3, bbox=_circle())
    axes.set_xlim(-0.4, out[0] + 0.5)
    axes.set_ylim(-1.15, 1.15)
    axes.set_title(one.title, fontsize=8)


def _circle() -> dict[str, object]:
    return {"boxstyle": "circle,pad=0.3", "facecolor": "white", "edgecolor": _INK}


def _places(cell: CellSpec) -> list[Point]:
    inputs = [(0.0, 0.0)] if cell.inputs == 1 else [(0.0, 0.55), (0.0, -0.55)]
    return [*inputs, *((1.2 + node, 0.0) for node in range(len(cell.nodes)))]


def _draw_edge(axes: "Axes", op: CellOpSpec, start: Point, end: Point, bend: float) -> None:
    color, style, width = _look(op)
    points = _curve(start, end, bend)
    axes.plot(*zip(*points, strict=True), color=color, linestyle=style, linewidth=width, zorder=1)
    x, y = points[len(points) // 2]
    axes.text(x, y, edge_name(op), ha="center", va="center", fontsize=6.5, bbox=_LABEL, zorder=2)


def _curve(start: Point, end: Point, bend: float) -> list[Point]:
    """A parabola whose middle is `bend` off the straight line."""
    (x0, y0), (x1, y1) = start, end
    shares: Iterable[float] = (step / 20 for step in range(21))
    return [(x0 + t * (x1 - x0), y0 + t * (y1 - y0) + 4 * bend * t * (1 - t)) for t in shares]


def _look(op: CellOpSpec) -> tuple[str, str, float]:
    """Colour, style and width of a line."""
    if isinstance(op, IdentitySpec):
        return KERNEL_COLORS[1], "-", 1.0
    color = kernel_color(op.kernel_size)
    return (color, "--", 2.0) if isinstance(op, PoolSpec) else (color, "-", 3.0)
