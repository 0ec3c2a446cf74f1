"""Nets, block by block."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.priced_net import PricedNet
from pnas_ops.data.specs import ClassifierSpec, MBConvSpec, OpSpec
from pnas_ops.data.workload import Workload
from pnas_ops.drawing.captions import priced_workloads
from pnas_ops.drawing.figures import kernel_color
from pnas_ops.drawing.panels import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_BLOCK_INCHES = 0.66
_HEIGHT_INCHES = 1.7
_HIGHEST = 6
"""Boxes of larger expansions are no higher: there is no room."""
_WIDTH = 0.78
"""Width of a box; blocks are 1 apart."""
_LETTERS, _LINE = 7, 0.23
"""How many letters of 8 points fit the width of a box, and the height of a line of them."""


def blocks_panel(net: Architecture | PricedNet) -> Panel:
    """A row of boxes; blocks that compute nothing are dotted lines.

    Raises:
        ValueError: for images that are too small for the net.
    """
    blocks = priced_workloads(net)

    def draw(part: "SubFigure", width: float) -> None:
        _draw_blocks(part.subplots(), blocks, width / _BLOCK_INCHES)

    return Panel((_BLOCK_INCHES * len(blocks), _HEIGHT_INCHES), draw)


def _draw_blocks(axes: "Axes", blocks: Sequence[tuple[Workload, str]], across: float) -> None:
    axes.set_axis_off()
    axes.set_xlim(-0.6, across - 0.6)
    axes.set_ylim(-2.1, 1.1)
    for place, (workload, price) in enumerate(blocks):
        _draw_block(axes, place, workload, price)


def _draw_block(axes: "Axes", place: int, workload: Workload, price: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    block = workload.block
    label = _label(block.op)
    if block.computes_nothing:
        axes.plot([place - 0.45, place + 0.45], [0, 0], color="#bbbbbb", linestyle=":")
        axes.text(place, 0.1, label, ha="center", va="bottom", fontsize=7, color="#777777")
    else:
        expansion = block.op.expansion if isinstance(block.op, MBConvSpec) else 1
        height = 0.7 + 0.22 * min(expansion, _HIGHEST)
        corner, shape = (place - _WIDTH / 2, -height / 2), "round,pad=0,rounding_size=0.08"
        color = kernel_color(block.op.kernel_size)
        axes.add_patch(FancyBboxPatch(corner, _WIDTH, height, boxstyle=shape, facecolor=color, edgecolor="none"))
        lines = label.split("\n")
        size = 8 * min(1, _LETTERS / max(map(len, lines)), height / (_LINE * len(lines)))
        axes.text(place, 0, label, ha="center", va="center", fontsize=size)
    channels, image = f"{block.in_channels}→{block.out_channels}", f"{workload.height}x{workload.width}"
    below = "\n".join(filter(None, [channels, image, price]))
    axes.text(place, -1.15, below, ha="center", va="top", fontsize=6.5, color="#444444")


def _label(op: OpSpec) -> str:
    """The operation's name in tables, split into lines."""
    return "pool\nfc" if isinstance(op, ClassifierSpec) else str(op).replace("-", "\n")
