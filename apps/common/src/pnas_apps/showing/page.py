"""A run on one page for a browser."""

from math import fsum
from statistics import fmean
from typing import Any

from pnas_apps.run.mistakes import Mistakes
from pnas_apps.showing.choices import of_blocks, option_names, place_numbers
from pnas_apps.showing.kept_results import KeptResults
from pnas_apps.showing.run_charts import run_charts
from pnas_apps.showing.run_tables import (
    AT_TABLE_SPEED,
    amount,
    landing_line,
    latency_limit,
    measured_text,
    of_batch,
    off_by_text,
    operation_lines,
    over_text,
    speed_line,
    words_line,
)
from pnas_apps.showing.templates import page_of
from pnas_apps.showing.verdict_table import SPREADS, accuracy_text
from pnas_latency import LatencyTable
from pnas_ops import Architecture, counted, kernel_color, workloads

_MOST_CLASSES = 20


def report_page(kept: KeptResults) -> str:
    """The page, as HTML."""
    settings, results = kept.settings, kept.results
    random = () if results.verdict is None else results.verdict.of_kind("random")
    return page_of(
        "report.html.jinja",
        kept=kept,
        settings=settings,
        device=kept.table.device,
        searched=results.nets[0],
        results=results,
        requested=latency_limit(results.limits),
        landed=landing_line(kept.landing, results.limits, kept.table.noise_floor),
        over_text=over_text,
        speed=speed_line([one.slower for one in results.nets]),
        verdict=results.verdict,
        amount=amount,
        measured_text=measured_text,
        disturbed=words_line([*(one.measured for one in results.nets), *(one.measured for one in results.baselines)]),
        off_by_text=off_by_text,
        whole_net=_whole_net(kept.table, kept.net),
        counted=counted,
        accuracy_text=accuracy_text,
        spreads=SPREADS,
        at_table_speed=AT_TABLE_SPEED,
        means=[fmean(net.accuracies) for net in random] if len(random) > 1 else [],
        milliseconds=f"ms{of_batch(kept.table.device)}",
        blocks=_blocks(kept.table, kept.net),
        choices=_choices(kept),
        mistakes=kept.mistakes,
        confusion=_confusion(kept.mistakes, settings.space.classes),
        classes=settings.classes or [f"{number}" for number in range(settings.space.classes)],
        charts=run_charts(kept),
    )


def _whole_net(table: LatencyTable, net: Architecture) -> str:
    """How the prediction for a net follows from the milliseconds of its blocks."""
    priced = table.priced(net)
    together_ms = fsum(priced.block_ms)
    others = sum(not entry.held_out for entry in table.nets)
    by = f", calibrated with {counted(others, 'other net')}" if table.calibration is not None else ""
    return (
        f"Blocks {together_ms:.4f} ms, whole-net correction {priced.total_ms - together_ms:+.4f} ms{by}: "
        f"{priced.total_ms:.4f} ms predicted."
    )


def _blocks(table: LatencyTable, net: Architecture) -> list[dict[str, Any]]:
    priced = table.priced(net)
    longest = max(priced.block_ms) or 1.0
    rows = [row[0] for row in workloads(net)]
    return [
        {
            "operation": operation_lines(row.block.op),
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
    """The probabilities of every mixture after each epoch, what there is to choose from, and what the net has."""
    counts = [len(probs) for probs in kept.history[-1].probs] if kept.history else []
    space = kept.settings.space
    chosen = space.choices(kept.net)
    return {
        "names": option_names(space, counts),
        "numbers": place_numbers(space, len(counts)),
        "of_blocks": of_blocks(space, len(counts)),
        "ships": [chosen[number] for number in space.mixtures],
        "judged": kept.settings.preset.judged_nets,
        "epochs": [
            {"phase": record.phase, "probs": [[round(one, 4) for one in probs] for probs in record.probs]}
            for record in kept.history
        ],
    }


def _confusion(mistakes: Mistakes | None, classes: int) -> list[list[int]]:
    """For each class, how many images are put into each class; nothing where there are too many classes to look at."""
    if mistakes is None or classes > _MOST_CLASSES:
        return []
    counts = [[0] * classes for _ in range(classes)]
    for one in mistakes.confusions:
        counts[one.label][one.answer] = one.count
    return counts
