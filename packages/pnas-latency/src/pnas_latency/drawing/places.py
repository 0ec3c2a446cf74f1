"""Nets of a user's own module, place by place."""

from collections.abc import Collection, Sequence
from math import fsum
from typing import TYPE_CHECKING

from pnas_latency.tables.table import LatencyTable
from pnas_ops import KERNEL_COLORS, ModuleArchitecture, ModuleWorkload, kernel_color, new_figure, workloads

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NET_INCHES, _PLACE_INCHES, _AROUND_INCHES = 5.0, 0.2, 1.4
_ROOM = 1.7
"""Length of the axis by that of the longest bar, to leave room for the text at its end."""


def draw_places(table: LatencyTable, nets: Sequence[ModuleArchitecture]) -> "Figure":
    """A bar for each place of each net: the latency of what is there, the kernel size as its colour.

    What differs from the first net is in bold type. Above each net is its whole latency, and how much of that is spent
    outside the places.

    Args:
        table: gives the latencies.
        nets: of one space, such as the original and the one that was found.

    Raises:
        ValueError: for no net, and for nets with other places than the first has.
        MissingWorkloadsError: for a table that lacks a workload of the nets.
        ModuleNotFoundError: where matplotlib is not installed.
    """
    if not nets:
        raise ValueError("there is no net to draw")
    paths = [place.path for place in nets[0].places]
    for net in nets:
        if [place.path for place in net.places] != paths:
            raise ValueError(f"net {net.name!r} has other places than {nets[0].name!r}: draw nets of one space")
    figure = new_figure(_NET_INCHES * len(nets), _PLACE_INCHES * len(paths) + _AROUND_INCHES)
    columns = figure.subplots(1, len(nets), squeeze=False, sharex=True, sharey=True)[0]
    longest = max(_draw_net(axes, table, net, nets[0]) for axes, net in zip(columns, nets, strict=True))
    columns[0].set_xlim(0, _ROOM * (longest or 1.0))
    columns[0].set_yticks(range(len(paths)), labels=paths, fontsize=7, parse_math=False)
    columns[0].invert_yaxis()
    colors = {kernel_color(one.kernel_size) for net in nets for one in _standing(net)}
    figure.legend(handles=_legend(colors), loc="outside lower center", ncols=len(colors), frameon=False)
    figure.suptitle(str(table.device), fontsize=9, x=0.01, ha="left", parse_math=False)
    return figure


def _draw_net(axes: "Axes", table: LatencyTable, net: ModuleArchitecture, first: ModuleArchitecture) -> float:
    """Draws one net, and returns the length of its longest bar in milliseconds."""
    _, *rows = table.metric().rows(workloads(net))
    costs_ms = [cost_ms for (cost_ms,) in rows]
    for index, (cost_ms, mine, theirs) in enumerate(zip(costs_ms, _standing(net), _standing(first), strict=True)):
        axes.barh(index, cost_ms, height=0.8, color=kernel_color(mine.kernel_size))
        weight = "normal" if mine.title == theirs.title else "bold"
        text = f" {cost_ms:.3f}  {mine.title}"
        axes.text(cost_ms, index, text, va="center", fontsize=7, fontweight=weight, parse_math=False)
    whole_ms = table.predict_ms(net)
    title = f"{net.name}: {whole_ms:.3f} ms predicted, {whole_ms - fsum(costs_ms):.3f} beside the places"
    axes.set_title(title, loc="left", fontsize=10, parse_math=False)
    axes.set_xlabel("ms")
    return max(costs_ms)


def _standing(net: ModuleArchitecture) -> list[ModuleWorkload]:
    return [place.candidates[0] for place in net.places]


def _legend(colors: Collection[str]) -> list[object]:
    from matplotlib.patches import Patch

    labels = {side: f"{side}x{side}" if side > 1 else "other" for side in KERNEL_COLORS}
    return [Patch(color=color, label=labels[side]) for side, color in KERNEL_COLORS.items() if color in colors]
