"""The charts of a report's page: SVG whose colours are those of the page around, be it dark or light.

Every chart is read without colour, too: by markers, dashes and names beside the points.
"""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pnas_ops import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_VARIABLES = {
    "#010101": "var(--ink)",
    "#020202": "var(--soft)",
    "#030303": "var(--line)",
    "#040404": "var(--mark)",
    "#050505": "var(--other)",
}
"""What stands for the page's colours while matplotlib draws."""

_INK, _SOFT, _LINE, _MARK, _OTHER = _VARIABLES
_SIZE = (6.4, 3.6)
_WIDE = 5.0
"""Times the least that an axis reaches to before it is logarithmic."""


@frozen(kw_only=True)
class Point:
    """A net in a chart.

    Attributes:
        name: stands beside it.
        x, y: where it is.
        is_marked: whether it is the one that the page is about.
    """

    name: str
    x: float
    y: float
    is_marked: bool = False


def accuracy_chart(
    points: Sequence[Point], random: Sequence[Point], *, target_ms: float | None, milliseconds: str
) -> str:
    """Accuracy over measured latency.

    Args:
        points: the nets, x in milliseconds and y a share.
        random: nets whose names say nothing, likewise.
        target_ms: what was asked for, if anything.
        milliseconds: of what they are: "measured, ms of one image".
    """
    from matplotlib.ticker import LogLocator

    figure, axes = _chart()
    if random:
        axes.plot([one.x for one in random], [100 * one.y for one in random], "x", color=_OTHER, label="random nets")
        axes.legend(frameon=False, labelcolor=_INK)
    for point in points:
        _draw(axes, Point(name=point.name, x=point.x, y=100 * point.y, is_marked=point.is_marked))
    everywhere = [one.x for one in (*points, *random)]
    if min(everywhere) > 0 and max(everywhere) > _WIDE * min(everywhere):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
    if target_ms is not None:
        axes.axvline(target_ms, color=_SOFT, linestyle="--", linewidth=1)
        axes.annotate("asked for", (target_ms, 0), xycoords=("data", "axes fraction"), **_beside(4, 6, _SOFT))
    axes.margins(x=0.15, y=0.15)
    axes.set_xlabel(milliseconds)
    axes.set_title("accuracy, %", loc="left")
    return _svg(figure, "Accuracy of each net over its measured latency")


def predictions_chart(judges: Sequence[Point], nets: Sequence[Point], *, noise_floor: float | None) -> str:
    """How far predictions are off, over measured latency.

    Args:
        judges: whole nets of the table, x in measured milliseconds and y the relative error.
        nets: of the run, likewise.
        noise_floor: of the table, a share; None where it is not known.
    """
    figure, axes = _chart()
    if noise_floor:
        axes.axhspan(-100 * noise_floor, 100 * noise_floor, color=_LINE, zorder=0)
        top = (1, 100 * noise_floor)
        told = f"noise floor, {noise_floor:.1%}"
        axes.annotate(told, top, xycoords=("axes fraction", "data"), ha="right", **_beside(-4, 3, _SOFT))
    axes.axhline(0, color=_SOFT, linewidth=1)
    axes.plot(
        [one.x for one in judges], [100 * one.y for one in judges], "x", color=_OTHER, label="nets that judge the table"
    )
    for point in nets:
        _draw(axes, Point(name=point.name, x=point.x, y=100 * point.y, is_marked=point.is_marked))
    axes.margins(x=0.15, y=0.15)
    axes.set_xlabel("measured, ms")
    axes.set_title("predicted too high by, %", loc="left")
    if judges:
        axes.legend(frameon=False, labelcolor=_INK)
    return _svg(figure, "Error of the predicted latency over the measured latency")


def epochs_chart(
    lines: Sequence[tuple[str, Sequence[float | None]]], *, title: str, warm_up: int, asked: float | None = None
) -> str:
    """Something over the epochs of a search.

    Args:
        lines: names and a value for each epoch; None where there is none.
        title: what it is.
        warm_up: the number of epochs before the architecture learns.
        asked: what it was to come to, if anything.
    """
    figure, axes = _chart()
    if warm_up:
        axes.axvspan(-0.5, warm_up - 0.5, color=_LINE, zorder=0)
        axes.annotate("warm-up", (-0.5, 0), xycoords=("data", "axes fraction"), **_beside(4, 4, _SOFT))
    for (name, values), style in zip(lines, ("o-", "s--"), strict=False):
        known = [(epoch, value) for epoch, value in enumerate(values) if value is not None]
        color = _MARK if style == "o-" else _OTHER
        axes.plot([epoch for epoch, _ in known], [value for _, value in known], style, color=color, ms=4, label=name)
    if asked is not None:
        axes.axhline(asked, color=_SOFT, linestyle="--", linewidth=1)
        axes.annotate("asked for", (1, asked), xycoords=("axes fraction", "data"), ha="right", **_beside(-4, 3, _SOFT))
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("epoch of the search")
    axes.set_title(title, loc="left")
    if len(lines) > 1:
        axes.legend(frameon=False, labelcolor=_INK)
    return _svg(figure, title)


def _chart() -> tuple["Figure", "Axes"]:
    figure = new_figure(*_SIZE)
    axes = figure.subplots()
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        axes.spines[side].set_color(_SOFT)
    axes.tick_params(colors=_INK)
    axes.xaxis.label.set_color(_INK)
    axes.set_title("", loc="left", color=_INK, parse_math=False)
    return figure, axes


def _draw(axes: "Axes", point: Point) -> None:
    color, marker, size = (_MARK, "D", 9) if point.is_marked else (_OTHER, "o", 6)
    axes.plot([point.x], [point.y], marker, color=color, ms=size)
    axes.annotate(point.name, (point.x, point.y), parse_math=False, **_beside(8, 4, _INK))


def _beside(x: float, y: float, color: str) -> dict[str, Any]:
    return {"xytext": (x, y), "textcoords": "offset points", "color": color, "fontsize": 9}


def _svg(figure: "Figure", description: str) -> str:
    """The drawing by itself, with a text for those who do not see it."""
    from markupsafe import escape
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "pnas"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    drawing = text[text.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    for color, variable in _VARIABLES.items():
        drawing = drawing.replace(color, variable)
    drawing = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font: \1 system-ui, sans-serif", drawing)
    # As wide as the page, not as the paper.
    drawing = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", drawing, count=1)
    drawing = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", drawing, count=1)
    return drawing.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)
