"""Predicted against measured latencies."""

import textwrap
from typing import TYPE_CHECKING

from attrs import evolve

from pnas_latency.tables.missing import MissingNetsError
from pnas_latency.tables.table import LatencyTable
from pnas_ops import KERNEL_COLORS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_validation(table: LatencyTable) -> "Figure":
    """The whole nets of a table: predicted against measured latencies, and the errors.

    Where the table is calibrated, rings show the uncalibrated predictions.

    Raises:
        MissingNetsError: for a table without whole nets.
        ModuleNotFoundError: where matplotlib is not installed.
    """
    if not table.nets:
        raise MissingNetsError("the table holds no whole nets to compare its predictions with", "measure some")
    table = table.at_one_speed()
    figure = new_figure(10, 5)
    latency, error = figure.subplots(1, 2)
    summed = evolve(table, calibration=None)
    others = [entry for entry in table.nets if entry.held_out]
    groups = {
        "nets that calibrated the table": ([entry for entry in table.nets if not entry.held_out], "#9e9e9e"),
        "other nets": ([entry for entry in others if not entry.band], KERNEL_COLORS[3]),
        "other nets, nearly alike in cost": ([entry for entry in others if entry.band], KERNEL_COLORS[7]),
    }
    for name, (entries, color) in groups.items():
        if not entries:
            continue
        measured = [entry.total_ms for entry in entries]
        for one in [table] if table.calibration is None else [summed, table]:
            predicted = [one.predict_ms(entry.architecture) for entry in entries]
            errors = [100 * (p / m - 1) for p, m in zip(predicted, measured, strict=True)]
            label, face = (name, color) if one is table else (None, "none")
            latency.scatter(measured, predicted, edgecolors=color, facecolors=face, label=label, s=18)
            error.scatter(measured, errors, edgecolors=color, facecolors=face, s=18)
    ends = (min(entry.total_ms for entry in table.nets), max(entry.total_ms for entry in table.nets))
    latency.plot(ends, ends, color="#444444", linewidth=0.8, label="exact")
    if table.noise_floor:
        floor = 100 * table.noise_floor
        error.axhspan(-floor, floor, color="#dddddd", label=f"noise floor, {floor:.2g}%", zorder=0)
    if table.calibration is not None:
        latency.scatter(
            [], [], edgecolors="#444444", facecolors="none", label="not calibrated: the sum of blocks", s=18
        )
    error.axhline(0, color="#444444", linewidth=0.8, zorder=0)
    for axes, title in ((latency, "predicted, ms"), (error, "error of the prediction, %")):
        axes.set_title(title, loc="left")
        axes.set_xlabel("measured, ms")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    # A device's name may hold a command, with characters that look like formulas.
    figure.suptitle(textwrap.fill(str(table.device), 130), fontsize=9, parse_math=False)
    return figure
