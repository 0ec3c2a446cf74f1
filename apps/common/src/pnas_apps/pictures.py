"""Pictures of a run."""

import textwrap
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from attrs import evolve
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Patch

from pnas_apps.results import KERNEL_COLORS
from pnas_apps.tree_pictures import draw_trees
from pnas_latency import LatencyTable
from pnas_ops import (
    Architecture,
    ClassifierSpec,
    ConvSpec,
    MBConvSpec,
    TreeBlockSpec,
    Workload,
    workloads,
    write_atomically,
)
from pnas_supernet import EpochRecord


def draw_architectures(architectures: Sequence[Architecture], table: LatencyTable, path: Path) -> None:
    """Each net as a row of boxes from input to output: colour for the kernel, height for the expansion.

    Nets of trees are drawn edge by edge instead, by `draw_trees`.
    """
    if any(isinstance(block.op, TreeBlockSpec) for net in architectures for block in net.blocks):
        _save(draw_trees(architectures, table), path)
        return
    blocks = max(len(architecture.blocks) for architecture in architectures)
    figure = Figure(figsize=(1.5 + 0.95 * blocks, 0.6 + 2.3 * len(architectures)), layout="constrained")
    rows = figure.subplots(len(architectures), 1, squeeze=False)[:, 0]
    for axes, architecture in zip(rows, architectures, strict=True):
        for index, (workload,) in enumerate(workloads(architecture)):
            _draw_block(axes, index, workload, table.latency_ms(workload))
        axes.set_title(f"{architecture.name}: {table.predict_ms(architecture):.3f} ms predicted", loc="left")
        axes.set_xlim(-0.6, blocks - 0.4)
        axes.set_ylim(-2.3, 1.7)
        axes.set_axis_off()
    legend = [Patch(color=color, label=f"{size}x{size}") for size, color in KERNEL_COLORS.items()]
    figure.legend(handles=legend, loc="outside lower center", ncols=len(legend), frameon=False)
    _save(figure, path)


def draw_search(
    history: Sequence[EpochRecord], expected_ms: Sequence[float], path: Path, *, target_ms: float | None = None
) -> None:
    """Accuracy, expected latency (and what was asked for) and entropy over the epochs of a search."""
    figure = Figure(figsize=(12, 3.2), layout="constrained")
    accuracy, latency, entropy = figure.subplots(1, 3)
    epochs = [record.epoch for record in history]
    accuracy.plot(epochs, [record.train_accuracy for record in history], label="weights, training split")
    searched = [record for record in history if record.validation_accuracy is not None]
    accuracy.plot(
        [record.epoch for record in searched],
        [record.validation_accuracy for record in searched],
        label="architecture, validation split",
    )
    accuracy.legend(frameon=False)
    latency.plot(epochs, expected_ms)
    if target_ms is not None:
        latency.axhline(target_ms, color=KERNEL_COLORS[7], linewidth=0.8, label=f"target, {target_ms:g} ms")
        latency.legend(frameon=False)
    entropy.plot(epochs, [record.entropy for record in history])
    titles = ("accuracy of sampled paths", "expected latency, ms", "relative entropy of the gates")
    for axes, title in zip((accuracy, latency, entropy), titles, strict=True):
        axes.set_title(title, loc="left")
        axes.set_xlabel("epoch")
        if len(searched) < len(history):
            axes.axvspan(0, len(history) - len(searched) - 0.5, color="#eeeeee")
    _save(figure, path)


def draw_validation(table: LatencyTable, path: Path) -> None:
    """The whole nets of a table: what it predicts for them against what they take, and the error.

    Where the table is calibrated, the predictions without that are rings.
    """
    figure = Figure(figsize=(10, 5), layout="constrained")
    latency, error = figure.subplots(1, 2)
    summed = evolve(table, calibration=None)
    groups = {
        "to calibrate with": ([entry for entry in table.nets if not entry.held_out], "#9e9e9e"),
        "held out, any": ([entry for entry in table.nets if entry.held_out and not entry.band], KERNEL_COLORS[3]),
        "held out, narrow band": ([entry for entry in table.nets if entry.held_out and entry.band], KERNEL_COLORS[7]),
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
        error.axhspan(-floor, floor, color="#dddddd", label=f"noise floor, {floor:.2g} %", zorder=0)
    if table.calibration is not None:
        latency.scatter([], [], edgecolors="#444444", facecolors="none", label="as summed", s=18)
    error.axhline(0, color="#444444", linewidth=0.8, zorder=0)
    for axes, title in ((latency, "predicted, ms"), (error, "error of the prediction, %")):
        axes.set_title(title, loc="left")
        axes.set_xlabel("measured, ms")
    figure.legend(loc="outside lower center", ncols=6, frameon=False)
    # A command is part of its device's name.
    figure.suptitle(textwrap.fill(str(table.device), 130), fontsize=9, parse_math=False)
    _save(figure, path)


def _draw_block(axes: Axes, index: int, workload: Workload, cost_ms: float) -> None:
    block = workload.block
    if block.computes_nothing:
        axes.plot([index - 0.45, index + 0.45], [0, 0], color="#bbbbbb", linestyle=":")
    else:
        color = KERNEL_COLORS.get(getattr(block.op, "kernel_size", 1), KERNEL_COLORS[1])
        height = 0.7 + 0.22 * (block.op.expansion if isinstance(block.op, MBConvSpec) else 1)
        box = FancyBboxPatch(
            (index - 0.36, -height / 2), 0.72, height, boxstyle="round,pad=0,rounding_size=0.08", color=color
        )
        axes.add_patch(box)
    axes.text(index, 0, _label(workload), ha="center", va="center", fontsize=8)
    axes.text(
        index,
        -1.25,
        f"{block.in_channels}→{block.out_channels}\n{workload.height}x{workload.width}\n{cost_ms:.3f} ms",
        ha="center",
        va="top",
        fontsize=7,
        color="#444444",
    )


def _label(workload: Workload) -> str:
    match workload.block.op:
        case MBConvSpec() as op:
            return f"MB{op.expansion}\n{op.kernel_size}x{op.kernel_size}"
        case ConvSpec() as op:
            return f"Conv\n{op.kernel_size}x{op.kernel_size}"
        case ClassifierSpec():
            return "Pool\nFC"
        case op:
            return str(op)


def _save(figure: Figure, path: Path) -> None:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    write_atomically(path, buffer.getvalue())
