"""The charts of a report's page.

Every chart is read without colour, too: by markers, dashes and names beside the points.
"""

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from pnas_apps.showing.svg import INK, LINE, MARK, OTHER, SOFT, beside, new_chart, svg_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES = (("o-", MARK), ("s--", OTHER), ("^:", INK), ("v-.", SOFT))
"""Of several lines in a chart, which no colour is needed to tell apart."""
_MARKERS = (("D", MARK), ("o", OTHER), ("s", INK), ("^", SOFT), ("v", MARK), ("P", OTHER), ("h", INK), ("<", SOFT))
"""Of several runs in a chart."""
_WIDE = 5.0
"""Times the least that an axis reaches to before it is logarithmic."""

_NARROW = 1.2
"""Times the least that it reaches to at least, or noise would fill it."""


@frozen(kw_only=True)
class Point:
    """A net in a chart.

    Attributes:
        name: stands beside it.
        x, y: where it is.
        y_error: one standard error of y; 0 where none is drawn.
        is_marked: whether it is the one that the page is about.
    """

    name: str
    x: float
    y: float
    y_error: float = 0.0
    is_marked: bool = False


@frozen(kw_only=True)
class RunPoints:
    """A run in a chart of several.

    Attributes:
        name: of the run.
        nets: x in milliseconds and y a share; the one that it found is marked.
        random: nets, likewise.
    """

    name: str
    nets: Sequence[Point]
    random: Sequence[Point] = ()


def accuracy_chart(
    points: Sequence[Point], random: Sequence[Point], *, target_ms: float | None, milliseconds: str
) -> str:
    """Accuracy over measured latency.

    Args:
        points: the nets, x in milliseconds, y and its error a share.
        random: nets whose names say nothing, likewise.
        target_ms: what was requested, if anything.
        milliseconds: of what they are: "measured, ms of one image".
    """
    figure, axes = new_chart()
    if random:
        axes.plot([one.x for one in random], [100 * one.y for one in random], "x", color=OTHER, label="random nets")
        axes.legend(frameon=False, labelcolor=INK)
    for point in points:
        _draw(axes, evolve(point, y=100 * point.y, y_error=100 * point.y_error))
    axes.set_xlabel(milliseconds)
    _scale(axes, [*(one.x for one in (*points, *random)), *([] if target_ms is None else [target_ms])])
    if target_ms is not None:
        axes.axvline(target_ms, color=SOFT, linestyle="--", linewidth=1)
        axes.annotate("requested", (target_ms, 0), xycoords=("data", "axes fraction"), **beside(4, 6, SOFT))
    axes.margins(x=0.15, y=0.15)
    axes.set_title("accuracy, %", loc="left")
    return svg_of(figure, "Accuracy of each net over its measured latency")


def runs_chart(runs: Sequence[RunPoints], *, milliseconds: str) -> str:
    """Accuracy over latency of the nets of several runs, each with a marker of its own.

    Args:
        runs: at least one, with at least one net each.
        milliseconds: of what they are.
    """
    figure, axes = new_chart()
    for run, (marker, color) in zip(runs, cycle(_MARKERS), strict=False):
        for point in run.nets:
            size, fill = (10, color) if point.is_marked else (6, "none")
            axes.plot([point.x], [100 * point.y], marker, color=color, ms=size, mfc=fill)
        axes.plot([one.x for one in run.random], [100 * one.y for one in run.random], "x", color=color, ms=5)
        axes.plot([], [], marker, color=color, label=run.name)
    axes.set_xlabel(milliseconds)
    _scale(axes, [one.x for run in runs for one in (*run.nets, *run.random)])
    axes.margins(x=0.1, y=0.1)
    axes.set_title("accuracy, %", loc="left")
    legend = axes.legend(frameon=False, labelcolor=INK)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return svg_of(figure, "Accuracy of the nets of all runs over their latency")


def predictions_chart(
    judges: Sequence[Point], nets: Sequence[Point], compared: Sequence[Point], *, noise_floor: float | None
) -> str:
    """How far predictions are off, over measured latency.

    Args:
        judges: whole nets of the table, x in measured milliseconds and y the relative error.
        nets: of the run, likewise.
        compared: nets of the verdict, likewise, without the searched one.
        noise_floor: of the table, a share; None where it is not known.
    """
    figure, axes = new_chart()
    if noise_floor:
        axes.axhspan(-100 * noise_floor, 100 * noise_floor, color=LINE, zorder=0)
        top = (1, 100 * noise_floor)
        told = f"noise floor, {noise_floor:.1%}"
        axes.annotate(told, top, xycoords=("axes fraction", "data"), ha="right", **beside(-4, 3, SOFT))
    axes.axhline(0, color=SOFT, linewidth=1)
    for points, marker, label in ((judges, "x", "nets that validate the table"), (compared, "+", "nets compared")):
        if points:
            axes.plot([one.x for one in points], [100 * one.y for one in points], marker, color=OTHER, label=label)
    for point in nets:
        _draw(axes, evolve(point, y=100 * point.y))
    axes.margins(x=0.15, y=0.15)
    axes.set_xlabel("measured at the table's speed, ms")
    axes.set_title("predicted too high by, %", loc="left")
    if judges or compared:
        axes.legend(frameon=False, labelcolor=INK)
    return svg_of(figure, "Error of the predicted latency over the measured latency")


def epochs_chart(
    lines: Sequence[tuple[str, Sequence[float | None]]], *, title: str, warm_up: int, asked: float | None = None
) -> str:
    """Something over the epochs of a search, counted from 1.

    Args:
        lines: names and a value for each epoch; None where there is none.
        title: what it is.
        warm_up: the number of epochs before the architecture learns.
        asked: what it was to come to, if anything.
    """
    figure, axes = new_chart()
    if warm_up:
        axes.axvspan(0.5, warm_up + 0.5, color=LINE, zorder=0)
        axes.annotate("warm-up", (0.5, 0), xycoords=("data", "axes fraction"), **beside(4, 4, SOFT))
    for (name, values), (style, color) in zip(lines, cycle(_STYLES), strict=False):
        known = [(epoch, value) for epoch, value in enumerate(values, start=1) if value is not None]
        axes.plot([epoch for epoch, _ in known], [value for _, value in known], style, color=color, ms=4, label=name)
    if asked is not None:
        axes.axhline(asked, color=SOFT, linestyle="--", linewidth=1)
        axes.annotate("requested", (1, asked), xycoords=("axes fraction", "data"), ha="right", **beside(-4, 3, SOFT))
    axes.locator_params(axis="x", integer=True, min_n_ticks=1)
    # An epoch is as wide as 1: the axis of one alone would be all fractions.
    axes.set_xlim(0.5, max(len(values) for _, values in lines) + 0.5)
    axes.set_xlabel("epoch of the search")
    axes.set_title(title, loc="left")
    if len(lines) > 1:
        axes.legend(frameon=False, labelcolor=INK)
    return svg_of(figure, title)


def _scale(axes: "Axes", everywhere: Sequence[float]) -> None:
    """Makes a wide axis of latencies logarithmic, and says so; a narrow one reaches beyond what lies together."""
    from matplotlib.ticker import LogLocator

    if min(everywhere) > 0 and max(everywhere) > _WIDE * min(everywhere):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set_xlabel(f"{axes.get_xlabel()}, logarithmic")
    elif max(everywhere) < _NARROW * min(everywhere):
        axes.set_xlim(min(everywhere) / _NARROW, max(everywhere) * _NARROW)


def _draw(axes: "Axes", point: Point) -> None:
    color, marker, size = (MARK, "D", 9) if point.is_marked else (OTHER, "o", 6)
    if point.y_error:
        axes.errorbar([point.x], [point.y], [point.y_error], fmt="none", ecolor=color, elinewidth=1, capsize=3)
    axes.plot([point.x], [point.y], marker, color=color, ms=size)
    axes.annotate(point.name, (point.x, point.y), parse_math=False, **beside(8, 4, INK))
