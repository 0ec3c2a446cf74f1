"""The verdict on a search, as it is printed."""

from collections.abc import Sequence
from itertools import compress
from statistics import fmean, stdev

from attrs import frozen
from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table

from pnas_apps.run.verdict import ComparedNet, Verdict
from pnas_apps.showing.run_tables import AT_TABLE_SPEED, off_by_text
from pnas_ops import counted


def verdict_page(verdict: Verdict) -> Group:
    """The nets that were compared, and the verdict in a sentence."""
    return Group(VerdictTable(verdict), "", *verdict.remarks, verdict.sentence)


SPREADS = (
    "± is the standard deviation over seeds, for the mean over nets; in the verdict it is the standard error of the "
    "difference"
)
"""What the table and the sentence mean by it."""

_NEEDED = {"params": 75, "MACs": 75, "predicted\nms": 56, "off\nby": 56}
"""The columns of a terminal from which a column of the table is there: a narrower one has no room for its numbers."""


@frozen(eq=False)
class VerdictTable:
    """The nets that were compared, and the mean of the random ones, in as many columns as there is room for."""

    verdict: Verdict

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _table(self.verdict, options.max_width)


def _table(verdict: Verdict, width: int) -> Table:
    trained = f"{counted(verdict.epochs, 'epoch')}, {counted(verdict.seeds, 'seed')}"
    table = Table(
        title=f"Did it pay? Nets trained from scratch ({trained}, tested on {verdict.test_images} images)",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption=f"{AT_TABLE_SPEED}; {SPREADS}",
        caption_justify="left",
    )
    headings = ("net", "accuracy", "params", "MACs", "predicted\nms", "measured\nms", "off\nby")
    there = [_NEEDED.get(heading, 0) <= width for heading in headings]
    for heading in compress(headings, there):
        if heading == "net":
            table.add_column(heading, overflow="fold")
        else:
            table.add_column(heading, justify="right", no_wrap=True)
    random = verdict.of_kind("random")
    for net in verdict.nets:
        table.add_row(*compress(_row(net), there))
        if len(random) > 1 and net is random[-1]:
            mean = accuracy_text([fmean(one.accuracies) for one in random])
            table.add_row(f"mean of {len(random)}", mean, end_section=True)
    return table


def _row(net: ComparedNet) -> tuple[str, ...]:
    return (
        net.name,
        accuracy_text(net.accuracies),
        f"{net.parameters / 1e3:.0f} k",
        f"{net.macs / 1e6:.1f} M",
        *("-" if one is None else f"{one:.4f}" for one in (net.predicted_ms, net.measured_ms)),
        off_by_text(net.off_by, noisy=net.noisy),
    )


def accuracy_text(values: Sequence[float]) -> str:
    """The mean of some accuracies and, of several, their standard deviation."""
    spread = f" ± {100 * stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * fmean(values):.2f}{spread}%"
