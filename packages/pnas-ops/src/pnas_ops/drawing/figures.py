"""Figures of matplotlib, and the colours that all pictures share."""

from io import BytesIO
from typing import TYPE_CHECKING

from pnas_ops.files.atomic import FilePath, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KERNEL_COLORS = {1: "#9e9e9e", 3: "#4c78a8", 5: "#e39b2f", 7: "#c44e52"}
"""Colours of operations by kernel size, in every picture; what computes nothing, or has size 1, is grey."""

_DPI = 130


def kernel_color(kernel_size: int) -> str:
    """The colour of a kernel size; grey for a size that has none."""
    return KERNEL_COLORS.get(kernel_size, KERNEL_COLORS[1])


def new_figure(width: float, height: float) -> "Figure":
    """An empty matplotlib figure, in inches, that belongs to no window.

    Raises:
        ModuleNotFoundError: where matplotlib is not installed, with the way out.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("pictures need matplotlib: pip install 'pnas-ops[plot]'", name=error.name) from None
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: "Figure", path: FilePath) -> None:
    """Writes a figure as PNG, atomically."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    write_atomically(path, buffer.getvalue())
