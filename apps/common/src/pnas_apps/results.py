"""What a run found, as numbers and as tables for the terminal."""

from collections.abc import Sequence

from attrs import frozen
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from pnas_apps.exporting import Proofs
from pnas_latency import LatencyTable
from pnas_ops import Architecture, Measurement, architecture_macs, architecture_parameters, workloads

KERNEL_COLORS = {1: "#9e9e9e", 3: "#4c78a8", 5: "#e39b2f", 7: "#c44e52"}
"""Of blocks by the side of their kernel, in every picture."""


@frozen(kw_only=True)
class NetResult:
    """One line of the final table; `measured` is the exported TFLite file on this machine."""

    name: str
    epochs: int
    test_accuracy: float
    parameters: int
    macs: int
    predicted_ms: float
    measured: Measurement


@frozen(kw_only=True)
class RunResults:
    """The final table of a run, and the seconds that its steps took."""

    nets: tuple[NetResult, ...]
    seconds: dict[str, float]


def net_result(
    architecture: Architecture, epochs: int, test_accuracy: float, table: LatencyTable, measured: Measurement
) -> NetResult:
    """The line of one net, trained for so many epochs."""
    return NetResult(
        name=architecture.name,
        epochs=epochs,
        test_accuracy=test_accuracy,
        parameters=architecture_parameters(architecture),
        macs=architecture_macs(architecture),
        predicted_ms=table.predict_ms(architecture),
        measured=measured,
    )


def results_table(nets: Sequence[NetResult]) -> Table:
    """The nets side by side."""
    title = "Nets, trained on from the supernet (latency of the TFLite file, one image)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
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
            f"{net.predicted_ms:.4f}",
            f"{measured_ms:.4f}",
            f"{net.predicted_ms / measured_ms - 1:+.1%}",
        )
    return table


def proof_table(proofs: Proofs) -> Table:
    """Every file on every runtime against PyTorch."""
    images = {proof.images for rows in proofs.nets.values() for proof in rows}
    table = Table(
        title=f"Files against PyTorch on {', '.join(map(str, images))} test images "
        "(difference: relative to the largest logit)",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    for heading in ("net", "file", "runtime"):
        table.add_column(heading)
    for heading in ("difference", "same class"):
        table.add_column(heading, justify="right")
    for name, rows in proofs.nets.items():
        for proof in rows:
            table.add_row(
                name,
                proof.file,
                f"{proof.runtime} {proof.runtime_version}",
                f"{proof.max_relative_difference:.1e}",
                f"{proof.top1_agreement:.1%}",
            )
    return table


def architecture_table(architecture: Architecture, table: LatencyTable) -> Table:
    """A net block by block, with a bar for what each costs."""
    drawing = Table(title=f"The {architecture.name} net, block by block", title_justify="left", box=None)
    for heading in ("block", "input", "operation", "channels", "ms", ""):
        drawing.add_column(heading, justify="right" if heading in ("block", "ms") else "left")
    rows = [row[0] for row in workloads(architecture)]
    longest = max(table.latency_ms(workload) for workload in rows)
    for index, workload in enumerate(rows):
        block, cost_ms = workload.block, table.latency_ms(workload)
        color = KERNEL_COLORS.get(getattr(block.op, "kernel_size", 1), KERNEL_COLORS[1])
        drawing.add_row(
            f"{index}",
            f"{workload.height}x{workload.width}",
            Text(f"{block.op}", style=color),
            f"{block.in_channels}->{block.out_channels}{' /' + str(block.stride) if block.stride > 1 else ''}",
            f"{cost_ms:.4f}",
            Text("█" * max(1, round(26 * cost_ms / longest)) if cost_ms else "", style=color),
        )
    return drawing
