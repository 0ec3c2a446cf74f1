"""The charts of a run's page."""

from collections.abc import Sequence
from functools import partial
from statistics import fmean

import torch
from attrs import evolve

from pnas_apps.run.verdict import ComparedNet
from pnas_apps.showing.kept_results import KeptResults
from pnas_apps.showing.run_tables import of_batch
from pnas_apps.showing.svg_charts import Point, accuracy_chart, epochs_chart, predictions_chart
from pnas_apps.training.judging import standard_error


def run_charts(kept: KeptResults) -> dict[str, str]:
    """All of them as SVG, by what they show; empty where there is nothing to show."""
    charts = {"accuracy": _accuracy(kept), "predictions": _predictions(kept)}
    return charts | (_search_charts(kept) if kept.history else {})


def _accuracy(kept: KeptResults) -> str:
    results, images = kept.results, kept.settings.test_images
    trained_anew = () if results.verdict is None else results.verdict.nets
    compared = _compared([net for net in trained_anew if net.kind != "random"])
    told = "measured or else predicted" if compared else "measured"
    points = compared or [
        Point(name=one.name, x=one.at_table_speed_ms, y=one.test_accuracy, is_marked=one is results.nets[0])
        for one in results.nets
    ]
    return accuracy_chart(
        [evolve(point, y_error=standard_error(point.y, images)) for point in points],
        _compared([net for net in trained_anew if net.kind == "random"]),
        target_ms=kept.landing.target_ms,
        milliseconds=f"{told}, ms{of_batch(kept.table.device) or ' of one image'}",
    )


def _predictions(kept: KeptResults) -> str:
    results, table = kept.results, kept.table
    off = [
        Point(name=one.name, x=one.at_table_speed_ms, y=one.off_by, is_marked=one is results.nets[0])
        for one in results.nets
        if one.off_by is not None
    ]
    judges = []
    for entry in table.at_one_speed().nets:
        error = table.predict_ms(entry.architecture) / entry.total_ms - 1
        judges.append(Point(name=entry.architecture.name, x=entry.total_ms, y=error))
    compared = [
        Point(name=one.name, x=one.measured_ms, y=one.off_by)
        for one in (results.verdict.nets if results.verdict else ())
        if one.kind != "searched" and one.measured_ms is not None and one.off_by is not None
    ]
    return predictions_chart(judges, off, compared, noise_floor=table.noise_floor) if off or judges else ""


def _search_charts(kept: KeptResults) -> dict[str, str]:
    history, space = kept.history, kept.settings.space
    expectation = kept.table.metric().expectation(space)
    chart = partial(epochs_chart, warm_up=sum(record.phase == "warm-up" for record in history))
    expected_ms = [float(expectation(space.of_choices([torch.tensor(p) for p in one.probs]))) for one in history]
    limits = dict.fromkeys(name for record in history for name in record.multipliers)
    return {
        "latency": chart(
            [("expected", expected_ms)],
            title="expected latency of a sampled net, ms",
            asked=kept.landing.target_ms,
        ),
        "multipliers": chart(
            [(name, [one.multipliers.get(name) for one in history]) for name in limits],
            title="multiplier of each limit, in units of the loss",
        )
        if limits
        else "",
        "learning": chart(
            [
                ("training images", [100 * one.train_accuracy for one in history]),
                ("held-out images", [_percent(one.validation_accuracy) for one in history]),
            ],
            title="accuracy of sampled nets while searching, %",
        ),
        "entropy": chart(
            [("entropy", [one.entropy for one in history])],
            title="entropy of the gates: 1 undecided, 0 decided",
        ),
    }


def _compared(nets: Sequence[ComparedNet]) -> list[Point]:
    """Nets that were trained in the same way; those that were not measured, where they are predicted."""
    return [
        Point(name=net.name, x=net.latency_ms, y=fmean(net.accuracies), is_marked=net.kind == "searched")
        for net in nets
        if net.latency_ms is not None
    ]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
