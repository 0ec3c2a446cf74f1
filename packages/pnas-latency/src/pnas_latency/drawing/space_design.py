"""Spaces side by side, by the MACs of their nets."""

from typing import TYPE_CHECKING

from pnas_latency.choosing.space_design import SpaceDesign, SpaceOutlook
from pnas_ops import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEGEND_ROWS = 26
"""Width of a column beside the picture."""
_BEST = "#c44e52"
_COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22")
_STYLES = ("-", "--", ":")
"""Neighbours in rank differ clearly; as many spaces as a legend has rows look different."""


def draw_space_design(design: SpaceDesign) -> "Figure":
    """The cumulative distribution of the MACs of each space's nets within the limits: the best curve lies to the right.

    The dot on a curve is its mean. Spaces with no net within the limits are left out.

    Raises:
        ModuleNotFoundError: where matplotlib is not installed.
    """
    shown = [one for one in design.ranked if one.macs]
    figure = new_figure(9.5, 5)
    axes = figure.subplots()
    for rank, one in enumerate(shown):
        _draw_outlook(axes, one, rank)
    axes.set_xlabel("million MACs of a net")
    axes.set_ylabel("share of the nets within the limits")
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    axes.grid(color="#eeeeee")
    axes.set_title(f"Nets that take {design.asked}", loc="left", fontsize=9, parse_math=False)
    figure.legend(
        title="space: mean, share within",
        loc="outside right upper",
        fontsize=7,
        title_fontsize=7,
        frameon=False,
        ncols=-(-len(shown) // _LEGEND_ROWS),
    )
    return figure


def _draw_outlook(axes: "Axes", one: SpaceOutlook, rank: int) -> None:
    color = _BEST if rank == 0 else _COLORS[(rank - 1) % len(_COLORS)]
    order = 2 + 1 / (1 + rank)  # the best one over the others, all over the grid
    label = f"{one.label}: {one.mean_macs / 1e6:.3g} M, {one.share:.0%}"
    axes.ecdf(
        [macs / 1e6 for macs in one.macs],
        color=color,
        linewidth=3.0 if rank == 0 else 1.6,
        linestyle=_STYLES[(rank - 1) // len(_COLORS) % len(_STYLES)] if rank else "-",
        label=label,
        zorder=order,
    )
    below = sum(macs <= one.mean_macs for macs in one.macs) / len(one.macs)
    axes.plot(one.mean_macs / 1e6, below, "o", color=color, markersize=5, zorder=order)
