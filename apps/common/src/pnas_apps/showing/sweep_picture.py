"""What a sweep found, as a picture."""

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from pnas_apps.run.sweep_results import AimResult
from pnas_apps.run.verdict import ComparedNet
from pnas_apps.training.judging import standard_error
from pnas_ops import KERNEL_COLORS, counted, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _GREY = KERNEL_COLORS[3], KERNEL_COLORS[1]


def draw_sweep(aims: Sequence[AimResult], *, test_images: int) -> "Figure":
    """Accuracy over measured latency at the speed of the tables, a panel for each device.

    A line leads through the nets that were found, with bars of one standard error; what was requested is dotted. Where
    they were compared, a ring is such a net trained from scratch; grey points are random nets and others trained in the
    same way. Published nets that were not trained are marks at the edge.

    Args:
        aims: what the run of each found; at least one.
        test_images: how many of them judged each net.

    Raises:
        ValueError: for none.
        ModuleNotFoundError: where matplotlib is not installed.
    """
    if not aims:
        raise ValueError("a picture of a sweep needs nets, got none")
    devices = list(dict.fromkeys(aim.device for aim in aims))
    figure = new_figure(max(5.5, 4.2 * len(devices)), 4.5)
    panels = figure.subplots(1, len(devices), sharey=True, squeeze=False)[0]
    for axes, device in zip(panels, devices, strict=True):
        _draw_device(axes, [aim for aim in aims if aim.device == device], test_images)
        axes.set_title(f"Nets of one search, on {device}", loc="left", parse_math=False)
    panels[0].set_ylabel("test accuracy, %")
    shown = [axes.get_legend_handles_labels() for axes in panels]
    labelled = {label: handle for handles, labels in shown for handle, label in zip(handles, labels, strict=True)}
    figure.legend(labelled.values(), labelled.keys(), loc="outside lower center", frameon=False)
    return figure


def _draw_device(axes: "Axes", aims: Sequence[AimResult], test_images: int) -> None:
    searched = sorted((aim.searched for aim in aims), key=lambda net: net.at_table_speed_ms)
    at_ms, accuracies = [net.at_table_speed_ms for net in searched], [100 * net.test_accuracy for net in searched]
    trained = counted(searched[0].epochs, "epoch")
    axes.plot(at_ms, accuracies, ".-", color=_BLUE, label=f"found by the sweep, {trained} of training")
    errors = [100 * standard_error(net.test_accuracy, test_images) for net in searched]
    of = f"standard error of {counted(test_images, 'test image')}"
    axes.errorbar(at_ms, accuracies, errors, fmt="none", ecolor=_BLUE, elinewidth=0.8, capsize=3, label=of)
    for aim in aims:
        axes.axvline(aim.asked_ms, color=_BLUE, linewidth=0.8, linestyle=":", label="requested")
    for verdict in [aim.verdict for aim in aims if aim.verdict is not None]:
        for net in verdict.nets:
            _draw_compared(axes, net, verdict.epochs)
    edge = axes.get_xaxis_transform()
    compared = {net.name for aim in aims if aim.verdict is not None for net in aim.verdict.nets}
    measured = {
        net.name: net.measured.at(aim.searched.table_probe_ms).latency_ms
        for aim in aims
        for net in aim.baselines
        if net.measured is not None and net.name not in compared
    }
    for name, ms in measured.items():
        axes.plot(ms, 0, "|", color=_GREY, transform=edge, label="published nets, not trained: latency only")
        axes.annotate(name, (ms, 0.02), xycoords=edge, rotation=90, fontsize="small", color=_GREY, ha="right")
    axes.set_xscale("log")
    # Powers of ten, which a logarithmic axis has, may all be elsewhere.
    budgets = sorted({aim.asked_ms for aim in aims})
    axes.set_xticks(budgets, [f"{ms:g}" for ms in budgets])
    axes.xaxis.minorticks_off()
    axes.set_xlabel("measured latency at the table's speed, ms, logarithmic")


def _draw_compared(axes: "Axes", net: ComparedNet, epochs: int) -> None:
    if net.latency_ms is None:
        return
    trained = counted(epochs, "epoch")
    at = (net.latency_ms, 100 * fmean(net.accuracies))
    trained = f"{counted(epochs, 'epoch')} from fresh weights"
    if net.kind == "searched":
        axes.plot(*at, "o", color=_BLUE, fillstyle="none", label=f"the same, {trained}")
        return
    axes.plot(*at, ".", color=_GREY, label=f"others, {trained}")
    if net.kind != "random":
        axes.annotate(
            net.name, at, textcoords="offset points", xytext=(-4, 4), ha="right", fontsize="small", color=_GREY
        )
