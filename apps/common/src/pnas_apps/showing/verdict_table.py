"""The verdict on a search, as it is printed."""

from collections.abc import Sequence
from statistics import fmean, stdev

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from pnas_apps.run.verdict import ComparedNet, Verdict
from pnas_apps.showing.run_tables import off_by_text
from pnas_ops import counted


def verdict_page(verdict: Verdict) -> Group:
    """The nets that were compared, and the verdict in a sentence."""
    return Group(verdict_table(verdict), "", *verdict.remarks, verdict.sentence)


def verdict_table(verdict: Verdict) -> Table:
    """The nets that were compared, and the mean of the random ones."""
    trained = f"{counted(verdict.epochs, 'epoch')}, {counted(verdict.seeds, 'seed')}"
    table = Table(
        title=f"Did it pay? Nets trained anew ({trained}, judged on {verdict.test_images} images)",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption="+- is the standard deviation over seeds, of the mean of random nets over nets; of the difference its "
        "standard error",
        caption_justify="left",
    )
    table.add_column("net", overflow="fold")
    for heading in ("accuracy", "params", "MACs", "predicted\nms", "measured\nms", "off\nby"):
        table.add_column(heading, justify="right")
    random = verdict.of_kind("random")
    for net in verdict.nets:
        table.add_row(*_row(net))
        if len(random) > 1 and net is random[-1]:
            table.add_row(
                f"mean of {len(random)}", _accuracy([fmean(one.accuracies) for one in random]), end_section=True
            )
    return table


def _row(net: ComparedNet) -> tuple[str, ...]:
    return (
        net.name,
        _accuracy(net.accuracies),
        f"{net.parameters / 1e3:.0f} k",
        f"{net.macs / 1e6:.1f} M",
        *("-" if one is None else f"{one:.4f}" for one in (net.predicted_ms, net.measured_ms)),
        off_by_text(net.off_by, noisy=net.noisy),
    )


def _accuracy(values: Sequence[float]) -> str:
    spread = f" +- {100 * stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * fmean(values):.2f}{spread}%"
