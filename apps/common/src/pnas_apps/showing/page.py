"""A run on one page for a browser: one file that needs nothing else and loads nothing."""

from collections.abc import Sequence
from importlib.resources import files as resources
from statistics import fmean, stdev
from typing import Any

import torch
from attrs import frozen
from jinja2 import Environment, StrictUndefined

from pnas_apps.run.mistakes import Mistakes
from pnas_apps.run.results import RunResults
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.verdict import ComparedNet
from pnas_apps.showing.run_tables import of_batch, operation_text, speed_line
from pnas_apps.showing.svg_charts import Point, accuracy_chart, epochs_chart, predictions_chart
from pnas_export import Proof
from pnas_latency import Landing, LatencyTable
from pnas_ops import Architecture, SearchSpace, kernel_color, workloads
from pnas_supernet import EpochRecord

_TEMPLATE = "report.html.jinja"
_MOST_CLASSES = 20


@frozen(kw_only=True)
class KeptResults:
    """What a finished run has found, as its folder keeps it.

    Attributes:
        name: of the run.
        settings: what was asked.
        table: that predicted.
        history: of the search, epoch by epoch.
        landing: how the net was taken.
        results: of all nets.
        proof: of the files; None where none ship.
        bundle: the folder of the files, relative to that of the page.
        mistakes: of one of the files; None where they are not known.
    """

    name: str
    settings: RunSettings
    table: LatencyTable
    history: Sequence[EpochRecord]
    landing: Landing
    results: RunResults
    proof: Proof | None
    bundle: str
    mistakes: Mistakes | None


def report_page(kept: KeptResults) -> str:
    """The page, as HTML; every text in it that comes from people is escaped."""
    template = resources("pnas_apps.showing").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    settings, results = kept.settings, kept.results
    searched = results.nets[0]
    net = kept.landing.result.architecture
    assert isinstance(net, Architecture)
    return environment.from_string(template).render(
        kept=kept,
        settings=settings,
        device=kept.table.device,
        searched=searched,
        results=results,
        speed=speed_line([one.slower for one in results.nets]),
        verdict=results.verdict,
        mean=fmean,
        spread=stdev,
        milliseconds=f"ms{of_batch(kept.table.device)}",
        blocks=_blocks(kept.table, net),
        choices=_choices(kept),
        mistakes=kept.mistakes,
        confusion=_confusion(kept.mistakes, settings.space.classes),
        classes=settings.classes or [f"{number}" for number in range(settings.space.classes)],
        charts=_charts(kept),
    )


def _blocks(table: LatencyTable, net: Architecture) -> list[dict[str, Any]]:
    priced = table.priced(net)
    longest = max(priced.block_ms) or 1.0
    rows = [row[0] for row in workloads(net)]
    return [
        {
            "operation": operation_text(row.block.op),
            "channels": f"{row.block.in_channels} to {row.block.out_channels}",
            "pixels": f"{row.height} x {row.width}",
            "stride": row.block.stride,
            "ms": ms,
            "share": 100 * ms / longest,
            "color": kernel_color(row.block.op.kernel_size),
        }
        for row, ms in zip(rows, priced.block_ms, strict=True)
    ]


def _choices(kept: KeptResults) -> dict[str, Any]:
    """The probabilities of every mixture after each epoch, and what there is to choose from."""
    space = kept.settings.space
    # Spaces of which a choice is no block have probabilities only.
    places = space.mixed if isinstance(space, SearchSpace) else ()
    rows = [[operation_text(block.op) for block in row] for row in places]
    counts = [len(probs) for probs in kept.history[-1].probs] if kept.history else []
    named = [len(row) for row in rows] == counts
    return {
        "names": rows if named else [[f"{number}" for number in range(count)] for count in counts],
        "epochs": [
            {"phase": record.phase, "probs": [[round(one, 4) for one in probs] for probs in record.probs]}
            for record in kept.history
        ],
    }


def _confusion(mistakes: Mistakes | None, classes: int) -> list[list[int]]:
    """Of each class, how many images are put into each; nothing where there are too many classes to look at."""
    if mistakes is None or classes > _MOST_CLASSES:
        return []
    counts = [[0] * classes for _ in range(classes)]
    for one in mistakes.confusions:
        counts[one.label][one.answer] = one.count
    return counts


def _compared(nets: Sequence[ComparedNet]) -> list[Point]:
    """Nets that were trained alike; those that were not measured, where they are predicted."""
    found = []
    for net in nets:
        latency_ms = net.predicted_ms if net.measured_ms is None else net.measured_ms
        if latency_ms is not None:
            found.append(Point(name=net.name, x=latency_ms, y=fmean(net.accuracies), is_marked=net.kind == "searched"))
    return found


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _charts(kept: KeptResults) -> dict[str, str]:
    results, landing, history, table = kept.results, kept.landing, kept.history, kept.table
    trained_anew = () if results.verdict is None else results.verdict.nets
    compared = _compared([net for net in trained_anew if net.kind != "random"])
    random = _compared([net for net in trained_anew if net.kind == "random"])
    told = "trained anew, measured or else predicted" if compared else "measured"
    points = compared or [
        Point(name=one.name, x=one.measured.latency_ms, y=one.test_accuracy, is_marked=one is results.nets[0])
        for one in results.nets
    ]
    off = [
        Point(name=one.name, x=one.measured.latency_ms, y=one.off_by, is_marked=one is results.nets[0])
        for one in results.nets
        if one.off_by is not None
    ]
    judges = []
    for entry in table.at_one_speed().nets:
        error = table.predict_ms(entry.architecture) / entry.total_ms - 1
        judges.append(Point(name=entry.architecture.name, x=entry.total_ms, y=error))
    charts = {
        "accuracy": accuracy_chart(
            points,
            random,
            target_ms=landing.target_ms,
            milliseconds=f"{told}, ms{of_batch(table.device) or ' of one image'}",
        ),
        "predictions": predictions_chart(judges, off, noise_floor=table.noise_floor) if off or judges else "",
    }
    if history:
        warm_up = sum(record.phase == "warm-up" for record in history)
        expectation = table.metric().expectation(kept.settings.space)
        of_choices = kept.settings.space.of_choices
        charts["latency"] = epochs_chart(
            [("expected", [float(expectation(of_choices([torch.tensor(p) for p in one.probs]))) for one in history])],
            title="expected latency of a sampled net, ms",
            warm_up=warm_up,
            asked=landing.target_ms,
        )
        charts["learning"] = epochs_chart(
            [
                ("weights", [100 * one.train_accuracy for one in history]),
                ("architecture", [_percent(one.validation_accuracy) for one in history]),
            ],
            title="accuracy of sampled nets while searching, %",
            warm_up=warm_up,
        )
        charts["entropy"] = epochs_chart(
            [("entropy", [one.entropy for one in history])],
            title="how undecided the gates are: 1 wholly, 0 not at all",
            warm_up=warm_up,
        )
    return charts
