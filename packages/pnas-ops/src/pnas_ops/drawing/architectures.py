"""Nets, block by block."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pnas_ops.data.priced_net import PricedNet
from pnas_ops.data.space import Architecture
from pnas_ops.data.specs import ClassifierSpec, ConvSpec, MBConvSpec, TreeBlockSpec
from pnas_ops.data.workload import Workload, workloads
from pnas_ops.drawing.captions import architecture_of, block_prices, common_device, net_title
from pnas_ops.drawing.figures import KERNEL_COLORS, kernel_color, new_figure
from pnas_ops.drawing.trees import draw_trees

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_architectures(nets: Sequence[Architecture | PricedNet]) -> "Figure":
    """Each net as a row of boxes from input to output: colour for the kernel, height for the expansion.

    Nets of trees are drawn edge by edge instead. The title of a priced net has its latency, and says on what device;
    where all have one device, it stands above them once.

    Args:
        nets: at least one.

    Raises:
        ValueError: for no net.
        ModuleNotFoundError: where matplotlib is not installed.
    """
    if not nets:
        raise ValueError("there is no net to draw")
    if any(isinstance(block.op, TreeBlockSpec) for net in nets for block in architecture_of(net).blocks):
        return draw_trees(nets)
    from matplotlib.patches import Patch

    blocks = max(len(architecture_of(net).blocks) for net in nets)
    figure = new_figure(1.5 + 0.95 * blocks, 0.9 + 2.3 * len(nets))
    device = common_device(nets)
    rows = figure.subplots(len(nets), 1, squeeze=False)[:, 0]
    for axes, net in zip(rows, nets, strict=True):
        for index, ((workload,), price) in enumerate(
            zip(workloads(architecture_of(net)), block_prices(net), strict=True)
        ):
            _draw_block(axes, index, workload, price)
        axes.set_title(net_title(net, device), loc="left")
        axes.set_xlim(-0.6, blocks - 0.4)
        axes.set_ylim(-2.3, 1.7)
        axes.set_axis_off()
    if device:
        figure.suptitle(device, fontsize=9, parse_math=False)
    legend = [Patch(color=color, label=f"{size}x{size}") for size, color in KERNEL_COLORS.items()]
    figure.legend(handles=legend, loc="outside lower center", ncols=len(legend), frameon=False)
    return figure


def _draw_block(axes: "Axes", index: int, workload: Workload, price: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    block = workload.block
    if block.computes_nothing:
        axes.plot([index - 0.45, index + 0.45], [0, 0], color="#bbbbbb", linestyle=":")
    else:
        color = kernel_color(block.op.kernel_size)
        height = 0.7 + 0.22 * (block.op.expansion if isinstance(block.op, MBConvSpec) else 1)
        box = FancyBboxPatch(
            (index - 0.36, -height / 2), 0.72, height, boxstyle="round,pad=0,rounding_size=0.08", color=color
        )
        axes.add_patch(box)
    axes.text(index, 0, _label(workload), ha="center", va="center", fontsize=8)
    axes.text(
        index,
        -1.25,
        "\n".join([f"{block.in_channels}→{block.out_channels}", f"{workload.height}x{workload.width}", price]),
        ha="center",
        va="top",
        fontsize=7,
        color="#444444",
    )


def _label(workload: Workload) -> str:
    match workload.block.op:
        case MBConvSpec() as op:
            return f"MB{op.expansion}\n{op.kernel_size}x{op.kernel_size}"
        case ConvSpec() as op:
            return f"Conv\n{op.kernel_size}x{op.kernel_size}"
        case ClassifierSpec():
            return "Pool\nFC"
        case op:
            return str(op)
