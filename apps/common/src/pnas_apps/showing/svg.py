"""Drawings as SVG in the colours of the page around, dark or light."""

import io
import re
from typing import TYPE_CHECKING, Any

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

INK, SOFT, LINE, MARK, OTHER = _VARIABLES
_SIZE = (6.4, 3.6)


def new_chart() -> tuple["Figure", "Axes"]:
    """Axes without a frame, transparent, in the page's colours."""
    figure = new_figure(*_SIZE)
    axes = figure.subplots()
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        axes.spines[side].set_color(SOFT)
    axes.tick_params(colors=INK)
    axes.xaxis.label.set_color(INK)
    axes.set_title("", loc="left", color=INK, parse_math=False)
    return figure, axes


def beside(x: float, y: float, color: str) -> dict[str, Any]:
    """How a text is annotated so many points beside what it names."""
    return {"xytext": (x, y), "textcoords": "offset points", "color": color, "fontsize": 9}


def svg_of(figure: "Figure", description: str) -> str:
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
