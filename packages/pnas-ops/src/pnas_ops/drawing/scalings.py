"""Scaled nets, compared with the one that they were made from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pnas_ops.drawing.figures import new_figure
from pnas_ops.nets.compound_scaling import CompoundScaling

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = ("#4c78a8", "#e39b2f", "#c44e52", "#6a9f58", "#9e9e9e")


def draw_scalings(title: str, ratios: Mapping[str, Mapping[str, float]]) -> "Figure":
    """The costs of each net as multiples of those of the first: a group of bars for each net.

    Args:
        title: above the picture.
        ratios: by the name of a net, then by the name of a cost; the same costs for all nets.

    Raises:
        ModuleNotFoundError: where matplotlib is not installed.
    """
    figure = new_figure(1.6 + 1.5 * len(ratios), 3.6)
    axes = figure.subplots()
    costs = list(next(iter(ratios.values())))
    width = 0.8 / len(costs)
    for number, (cost, color) in enumerate(zip(costs, _COLORS, strict=False)):
        places = [group + (number - (len(costs) - 1) / 2) * width for group in range(len(ratios))]
        bars = axes.bar(places, [one[cost] for one in ratios.values()], 0.9 * width, color=color, label=cost)
        axes.bar_label(bars, fmt="{:.2f}", fontsize=7)
    axes.set_xticks(range(len(ratios)), list(ratios), fontsize=8)
    axes.axhline(1, color="#444444", linewidth=0.8, zorder=0)
    axes.set_ylabel(f"times {next(iter(ratios))}")
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(costs), frameon=False, fontsize=8)
    return figure


def draw_compound_grid(title: str, grid: Sequence[CompoundScaling], growths: Sequence[float]) -> "Figure":
    """The candidates of a grid by depth and resolution; the size of a dot shows the width, its colour the growth.

    Args:
        title: above the picture.
        grid: the candidates.
        growths: the factor by which each of them multiplies the MACs.

    Raises:
        ModuleNotFoundError: where matplotlib is not installed.
    """
    figure = new_figure(7.0, 5.0)
    axes = figure.subplots()
    # Of two at the same place, the narrower net is in front of the wider.
    dots = sorted(zip(grid, growths, strict=True), key=lambda dot: -dot[0].beta)
    drawn = axes.scatter(
        [one.gamma for one, _ in dots],
        [one.alpha for one, _ in dots],
        s=[_dot_size(one.beta) for one, _ in dots],
        c=[growth for _, growth in dots],
        cmap="viridis",
        edgecolors="white",
        linewidths=0.8,
    )
    for beta in sorted({one.beta for one in grid})[::2]:
        axes.scatter([], [], s=_dot_size(beta), color="#9e9e9e", label=f"{beta:g}")
    axes.legend(title="width, beta", frameon=False, fontsize=8)
    axes.set_xlabel("resolution, gamma")
    axes.set_ylabel("depth, alpha")
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.colorbar(drawn, ax=axes, label="times the MACs")
    return figure


def _dot_size(beta: float) -> float:
    return 30 + 500 * (beta - 1)
