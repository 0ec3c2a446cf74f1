"""What a run found, as tables for the terminal."""

import statistics
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from pnas_apps.run.results import BaselineResult, LimitResult, NetResult
from pnas_latency import Landing
from pnas_ops import (
    CellStackSpec,
    DeviceInfo,
    Measurement,
    OpSpec,
    PricedNet,
    TreeBlockSpec,
    cells_texts,
    half_edges,
    kernel_color,
    tree_text,
    workloads,
)

AT_TABLE_SPEED = "Latencies are at the table's speed"
_WORDS = {
    "noisy": "it came out differently when it was measured again",
    "disturbed": "a quarter of the runs took more than twice as long as the quickest quarter, since something else ran "
    "at that time; milliseconds are the 10th percentile, which this affects least",
}
_SAME_SPEED = 0.03
"""So much a machine that is measured twice at the same speed differs by."""


def architecture_table(net: PricedNet) -> Table:
    """A net block by block, with a bar for what each costs."""
    architecture = net.architecture
    drawing = Table(title=f"The {architecture.name} net, block by block", title_justify="left", box=None)
    rows = [row[0] for row in workloads(architecture)]
    # Trees and cells take more of the 80 columns; cells, which are long, take several lines.
    bar = 9 if any(isinstance(workload.block.op, TreeBlockSpec | CellStackSpec) for workload in rows) else 24
    has_cells = any(isinstance(workload.block.op, CellStackSpec) for workload in rows)
    for heading in ("block", "input", "operation", "channels", "ms", ""):
        justify: JustifyMethod = "right" if heading in ("block", "ms") else "left"
        drawing.add_column(heading, justify=justify, no_wrap=has_cells != (heading == "operation"))
    longest = max(net.block_ms)
    for index, (workload, cost_ms) in enumerate(zip(rows, net.block_ms, strict=True)):
        block = workload.block
        color = kernel_color(block.op.kernel_size)
        drawing.add_row(
            f"{index}",
            f"{workload.height}x{workload.width}",
            Text(operation_lines(block.op), style=color),
            f"{block.in_channels}->{block.out_channels}{' /' + str(block.stride) if block.stride > 1 else ''}",
            f"{cost_ms:.4f}",
            Text("█" * max(1, round(bar * cost_ms / longest)) if cost_ms else "", style=color),
        )
    return drawing


def landing_table(landing: Landing, device: DeviceInfo) -> Table:
    """What was requested on a device, and the nets that were tried for it."""
    title = f"Landing on {landing.target_ms:.4f} ms{of_batch(device)}, at the table's speed"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("net", "predicted ms", "measured ms", "of requested", ""):
        table.add_column(heading, justify="right")
    for index, attempt in enumerate(landing.attempts):
        found = attempt.predicted_ms if attempt.measured_ms is None else attempt.measured_ms
        table.add_row(
            f"{index + 1}",
            f"{attempt.predicted_ms:.4f}",
            "-" if attempt.measured_ms is None else f"{attempt.measured_ms:.4f}",
            f"{found / (landing.target_ms or found):.1%}",
            "taken" if index == landing.chosen else "",
        )
    if landing.remark:
        table.caption, table.caption_justify = landing.remark, "left"
    return table


def of_batch(device: DeviceInfo) -> str:
    """The addition to milliseconds that are not for one image: " of 8 images"."""
    return f" of {device.images}" if device.batch > 1 else ""


def limits_table(limits: Sequence[LimitResult], *, file: str | None, device: DeviceInfo) -> Table:
    """What was requested of the net, what it was believed to cost, and what ships.

    Args:
        limits: one line each.
        file: the name of the file that bytes are those of; None where none ships.
        device: on which the milliseconds were measured.
    """
    title = f"Limits (bytes: of {file})" if file is not None else f"Limits (milliseconds: of {device.images})"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("limit")
    for heading in ("requested", "predicted", "shipped", ""):
        table.add_column(heading, justify="right")
    for limit in limits:
        shown = [amount(value, limit.unit) for value in (limit.asked, limit.predicted, limit.shipped)]
        if limit.unit == "ms":
            table.caption, table.caption_justify = AT_TABLE_SPEED, "left"
        table.add_row(limit.name, *shown, over_text(limit))
    return table


def over_text(limit: LimitResult) -> str:
    """How much more ships than was requested; empty where nothing is."""
    if not limit.excess:
        return ""
    share = f"{limit.excess / limit.asked:.1%}"
    return f"over by {'less than 0.1%' if share == '0.0%' else share}"


def latency_limit(limits: Iterable[LimitResult]) -> LimitResult | None:
    """The limit on latency; None where there is none."""
    return next((limit for limit in limits if limit.name == "latency_ms"), None)


def results_table(
    nets: Sequence[NetResult], *, measured: str, device: DeviceInfo, measured_elsewhere: bool = False
) -> Table:
    """The nets side by side.

    Args:
        nets: one line each.
        measured: what was measured of them: the name of a file, or "the net".
        device: where.
        measured_elsewhere: whether the table that predicts is that of another device, so that nothing is off.
    """
    title = f"Trained from the supernet's weights, to ship (latency of {measured}, {device.images}, measured now)"
    caption = None if measured_elsewhere else speed_line([net.slower for net in nets])
    table = Table(
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
        caption=caption,
        caption_justify="left",
    )
    table.add_column("net")
    for heading in ("epochs", "accuracy", "params", "MACs", "predicted ms", "measured ms", "off by"):
        table.add_column(heading, justify="right")
    for net in nets:
        measured_ms = net.measured.latency_ms
        table.add_row(
            net.name,
            f"{net.epochs}",
            f"{net.test_accuracy:.2%}",
            f"{net.parameters / 1e3:.0f} k",
            f"{net.macs / 1e6:.1f} M",
            f"{net.predicted_ms if measured_elsewhere else net.predicted_now_ms:.4f}",
            f"{measured_ms:.4f}",
            "-" if measured_elsewhere else off_by_text(net.off_by, noisy=net.measured.noisy),
        )
    return table


def off_by_text(off_by: float | None, *, noisy: bool) -> str:
    """How far off a prediction is; "-" where nothing can be said of it."""
    return "too noisy" if noisy else "-" if off_by is None else f"{off_by:+.1%}"


def measured_text(measured: Measurement | None) -> str:
    """The milliseconds, with a word of `words_line` where there is one to say."""
    return "-" if measured is None else f"{measured.latency_ms:.4f} {word(measured)}".rstrip()


def word(measured: Measurement) -> str:
    """What is to be said of a measurement: "noisy" or "disturbed"; empty as a rule."""
    return "noisy" if measured.noisy else "disturbed" if measured.disturbed else ""


def words_line(measured: Iterable[Measurement | None]) -> str:
    """What the words beside some measurements mean; empty where none has one."""
    there = {word(one) for one in measured if one is not None}
    return " ".join(f"{name.capitalize()}: {meaning}." for name, meaning in _WORDS.items() if name in there)


def speed_line(slower: Sequence[float | None]) -> str | None:
    """A line on the speed that predictions are adjusted to; None where it is the table's, as far as is known."""
    known = [one for one in slower if one is not None]
    if not known:
        return None
    times = statistics.median(known)
    if abs(times - 1) < _SAME_SPEED:
        return None
    # Not "the machine": whole nets by themselves may run faster than among a table's blocks.
    return f"Nets take {times:.2f} times as long now as when the table was made: predictions are for the current speed."


def baselines_table(baselines: Sequence[BaselineResult], searched: NetResult, *, device: DeviceInfo) -> Table:
    """Published nets beside the one that was found.

    Args:
        baselines: one line each.
        searched: what their costs are multiples of.
        device: where they were measured.
    """
    table = Table(
        title=f"Published nets, relative to {searched.name} (latency of {device.images}, measured now)",
        title_justify="left",
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
        caption=" ".join(
            [
                "Not trained: no accuracy. - was not measured: name it in --baselines.",
                words_line(net.measured for net in baselines),
            ]
        ).rstrip(),
        caption_justify="left",
    )
    table.add_column("net", no_wrap=True)
    for heading in ("params", "", "MACs", "", "measured ms", ""):
        table.add_column(heading, justify="right")
    for net in baselines:
        table.add_row(
            net.name,
            f"{net.parameters / 1e3:.0f} k",
            _ratio(net.parameters / searched.parameters),
            f"{net.macs / 1e6:.1f} M",
            _ratio(net.macs / searched.macs),
            measured_text(net.measured),
            "" if net.measured is None else _ratio(net.measured.latency_ms / searched.measured.latency_ms),
        )
    return table


def _ratio(value: float) -> str:
    return f"{value:,.0f}x" if value >= 100 else f"{value:.1f}x"


def amount(value: float | None, unit: str) -> str:
    """An amount of a cost in its unit, with as many digits as people read; "-" where it is not known."""
    if value is None:
        return "-"
    if unit == "ms":
        return f"{value:.4f}"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def operation_lines(op: OpSpec) -> str:
    """The operation; one of trees or cells on a line for each of them."""
    if isinstance(op, CellStackSpec):
        return "\n".join(cells_texts(op))
    if not isinstance(op, TreeBlockSpec):
        return str(op)
    first, second = (tree_text(edges) for edges in half_edges(op))
    return f"{first}\n{second}"
