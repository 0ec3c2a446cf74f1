"""Several runs on one page for a browser; those of different images or devices apart from one another."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from attrs import frozen

from pnas_apps.run.verdict import ComparedNet
from pnas_apps.showing.kept_results import KeptResults
from pnas_apps.showing.run_tables import of_batch, operation_lines
from pnas_apps.showing.svg_charts import Point, RunPoints, runs_chart
from pnas_apps.showing.templates import page_of
from pnas_ops import counted, kernel_color, workloads


@frozen(kw_only=True)
class ShownRun:
    """A run among several.

    Attributes:
        name: a name that no other of them has.
        kept: what it found.
        link: its folder, relative to that of the page.
        report: the name of its report there; runs of earlier versions have no page of their own.
    """

    name: str
    kept: KeptResults
    link: str
    report: str

    @property
    def comparable_by(self) -> object:
        """What runs must share before one can be called better or faster than another: images and device."""
        settings = self.kept.settings
        images = (settings.task, settings.classes, settings.train_images, settings.test_images)
        return images, settings.device, self.kept.table.device


def compare_page(runs: Sequence[ShownRun]) -> str:
    """The page, as HTML."""
    groups: dict[object, list[ShownRun]] = {}
    for run in runs:
        groups.setdefault(run.comparable_by, []).append(run)
    return page_of("compare.html.jinja", runs=runs, groups=[_group(one) for one in groups.values()], counted=counted)


def _group(runs: Sequence[ShownRun]) -> dict[str, Any]:
    kept = runs[0].kept
    speed = next((one.kept.table.probe_ms for one in runs if one.kept.table.probe_ms is not None), None)
    milliseconds = f"ms{of_batch(kept.table.device) or ' of one image'}"
    trainings = sorted({one.kept.results.verdict.epochs for one in runs if one.kept.results.verdict is not None})
    return {
        "runs": runs,
        "settings": kept.settings,
        "device": kept.table.device,
        "nets": _nets(runs),
        "shipped": runs_chart([_shipped(one, speed) for one in runs], milliseconds=f"measured, {milliseconds}")
        if len(runs) > 1
        else "",
        "anew": [
            (epochs, runs_chart(found, milliseconds=f"measured or else predicted, {milliseconds}"))
            for epochs in trainings
            if (found := [one for run in runs if (one := _anew(run, epochs, speed)) is not None])
        ],
    }


def _shipped(run: ShownRun, speed: float | None) -> RunPoints:
    """What a run ships, and in runs of earlier versions what it trained beside it, at one speed of the device."""
    nets = [
        Point(name=net.name, x=net.measured.at(speed).latency_ms, y=net.test_accuracy, is_marked=index == 0)
        for index, net in enumerate(run.kept.results.nets)
    ]
    return RunPoints(name=run.name, nets=nets)


def _anew(run: ShownRun, epochs: int, speed: float | None) -> RunPoints | None:
    """The nets that a run trained from scratch for so many epochs; None where it did not."""
    verdict, probe_ms = run.kept.results.verdict, run.kept.table.probe_ms
    if verdict is None or verdict.epochs != epochs:
        return None
    # What a run compares, it measures and predicts at the speed of its table.
    slower = 1.0 if speed is None or probe_ms is None else speed / probe_ms

    def points(nets: Sequence[ComparedNet]) -> list[Point]:
        return [
            Point(name=net.name, x=slower * net.latency_ms, y=fmean(net.accuracies), is_marked=net.kind == "searched")
            for net in nets
            if net.latency_ms is not None
        ]

    others = points([net for net in verdict.nets if net.kind != "random"])
    return RunPoints(name=run.name, nets=others, random=points(verdict.of_kind("random"))) if others else None


def _nets(runs: Sequence[ShownRun]) -> list[list[dict[str, Any] | None]]:
    """A row for each block, and in it one of each run's net; None where that has no such block any more."""
    columns: list[list[dict[str, Any]]] = []
    for run in runs:
        net = run.kept.net
        costs_ms = run.kept.table.priced(net).block_ms
        columns.append(
            [
                {"text": operation_lines(row.block.op), "ms": ms, "color": kernel_color(row.block.op.kernel_size)}
                for (row, *_), ms in zip(workloads(net), costs_ms, strict=True)
            ]
        )
    longest = max(map(len, columns))
    return [[column[index] if index < len(column) else None for column in columns] for index in range(longest)]
