"""Spaces side by side, by what their nets compute."""

from typing import TYPE_CHECKING

from pnas_latency.choosing.space_design import SpaceDesign, SpaceOutlook
from pnas_ops import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEGEND_ROWS = 26
"""Of a column beside the picture."""


def draw_space_design(design: SpaceDesign) -> "Figure":
    """The cumulative distribution of the MACs of each space's nets within the limits: the best curve lies to the right.

    The dot on a curve is its mean. Spaces without such a net are left out.

    Raises:
        ModuleNotFoundError: where matplotlib is not installed.
    """
    shown = [one for one in design.ranked if one.macs]
    figure = new_figure(9.5, 5)
    axes = figure.subplots()
    for rank, one in enumerate(shown):
        _draw_outlook(axes, one, rank, len(shown))
    axes.set_xlabel("million MACs of a net")
    axes.set_ylabel("share of the nets within the limits")
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    axes.grid(color="#eeeeee")
    limits = ", ".join(f"{name} at most {at_most:,.0f}" for name, at_most in design.limits.items())
    axes.set_title(limits, loc="left", fontsize=9, parse_math=False)
    figure.legend(
        title="space: mean, share within",
        loc="outside right upper",
        fontsize=7,
        title_fontsize=7,
        frameon=False,
        ncols=-(-len(shown) // _LEGEND_ROWS),
    )
    return figure


def _draw_outlook(axes: "Axes", one: SpaceOutlook, rank: int, count: int) -> None:
    from matplotlib import colormaps

    color = colormaps["viridis"](rank / max(1, count - 1) * 0.95)
    label = f"{one.label}: {one.mean_macs / 1e6:.3g} M, {one.share:.0%}"
    best = rank == 0
    millions = [macs / 1e6 for macs in one.macs]
    axes.ecdf(
        millions, color="#c44e52" if best else color, linewidth=2.5 if best else 1.0, label=label, zorder=count - rank
    )
    below = sum(macs <= one.mean_macs for macs in one.macs) / len(one.macs)
    axes.plot(one.mean_macs / 1e6, below, "o", color="#c44e52" if best else color, markersize=4, zorder=count - rank)
