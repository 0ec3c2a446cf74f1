"""Operations compared with a plain convolution."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pnas_ops.data.account import Account
from pnas_ops.drawing.figures import KERNEL_COLORS, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_primitives(
    accounts: Mapping[str, Account], *, title: str, latency_ms: Mapping[str, float] | None = None
) -> "Figure":
    """The costs of each operation, as bars, with a line for those of the first one.

    Args:
        accounts: of each operation by its name.
        title: above the picture.
        latency_ms: of each operation, if measured.

    Raises:
        ValueError: for no operation.
        ModuleNotFoundError: where matplotlib is not installed.
    """
    if not accounts:
        raise ValueError("there is no operation to draw")
    costs = {
        "M MACs": [account.macs / 1e6 for account in accounts.values()],
        "thousand parameters": [account.parameters / 1e3 for account in accounts.values()],
        "peak activation, MB": [account.peak_activation_bytes / 1e6 for account in accounts.values()],
        "MACs per byte moved": [account.macs_per_byte for account in accounts.values()],
    }
    if latency_ms:
        costs["ms"] = [latency_ms[name] for name in accounts]
    figure = new_figure(2.2 + 2.4 * len(costs), 1.3 + 0.27 * len(accounts))
    columns = figure.subplots(1, len(costs), sharey=True)
    for axes, (heading, values) in zip(columns, costs.items(), strict=True):
        _draw_column(axes, heading, values)
    columns[0].set_yticks(range(len(accounts)), labels=list(accounts), fontsize=8, parse_math=False)
    columns[0].set_ylim(len(accounts) - 0.4, -0.6)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left", parse_math=False)
    return figure


def _draw_column(axes: "Axes", heading: str, values: Sequence[float]) -> None:
    colors = [KERNEL_COLORS[5], *[KERNEL_COLORS[3]] * (len(values) - 1)]
    axes.barh(range(len(values)), values, height=0.75, color=colors)
    for row, value in enumerate(values):
        axes.text(value, row, f" {value:.3g}", va="center", fontsize=7)
    axes.axvline(values[0], color="#444444", linewidth=0.7, linestyle=":")
    # Room for the text at the end of the longest bar.
    axes.set_xlim(0, 1.25 * (max(values) or 1.0))
    axes.set_title(heading, loc="left", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)
