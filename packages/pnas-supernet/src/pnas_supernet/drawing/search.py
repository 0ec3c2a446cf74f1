"""A search over its epochs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pnas_ops import KERNEL_COLORS, new_figure
from pnas_supernet.searching.history import EpochRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_search(
    history: Sequence[EpochRecord],
    *,
    expected_ms: Sequence[float] | None = None,
    target_ms: float | None = None,
    score: str = "accuracy",
) -> "Figure":
    """Accuracy, expected latency and entropy over the epochs of a search, counted from 1; the warm-up is grey.

    Args:
        history: of a `ProxylessNAS`.
        expected_ms: the expected latency of a sampled net after each epoch; left out if None.
        target_ms: the target latency, drawn with the expected ones.
        score: the usual name of the score.

    Raises:
        ValueError: for no epoch, for another number of expected latencies than epochs, and for a target without them.
        ModuleNotFoundError: where matplotlib is not installed.
    """
    if not history or (expected_ms is not None and len(expected_ms) != len(history)):
        latencies = "" if expected_ms is None else f" and {len(expected_ms)} expected latencies"
        raise ValueError(f"a search is drawn by its epochs, got {len(history)} of them{latencies}")
    if target_ms is not None and expected_ms is None:
        raise ValueError("a target is drawn beside expected latencies: give expected_ms too")
    columns = 2 if expected_ms is None else 3
    figure = new_figure(4 * columns, 3.5)
    accuracy, *middle, entropy = figure.subplots(1, columns)
    epochs = [record.epoch + 1 for record in history]
    # Points, since a search of one epoch has no line.
    accuracy.plot(epochs, [record.train_accuracy for record in history], ".-", label="weights, training split")
    searched = [record for record in history if record.validation_accuracy is not None]
    if searched:
        accuracy.plot(
            [record.epoch + 1 for record in searched],
            [record.validation_accuracy for record in searched],
            ".-",
            label="architecture, validation split",
        )
    for latency in middle:
        latency.plot(epochs, expected_ms, ".-")
        latency.set_title("expected latency, ms", loc="left")
        if target_ms is not None:
            latency.axhline(target_ms, color=KERNEL_COLORS[7], linewidth=0.8, label=f"requested, {target_ms:g} ms")
    entropy.plot(epochs, [record.entropy for record in history], ".-")
    accuracy.set_title(f"{score} of sampled paths", loc="left")
    entropy.set_title("relative entropy of the gates", loc="left")
    warm_up = sum(record.phase == "warm-up" for record in history)
    for axes in (accuracy, *middle, entropy):
        axes.set_xlabel("epoch")
        # An epoch is as wide as 1: the axis of one alone would be all fractions.
        axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        if warm_up:
            axes.axvspan(0.5, warm_up + 0.5, color="#eeeeee", label="warm-up" if axes is accuracy else None)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure
