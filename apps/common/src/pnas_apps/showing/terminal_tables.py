"""What a run found, as numbers and as tables for the terminal."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from attrs import evolve
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from pnas_apps.devices.device_names import DeviceStatus
from pnas_apps.run.results import NetResult
from pnas_export import BUNDLE_FILES, MAX_ACCURACY_LOSS, LossyFile, Parity, Proof
from pnas_latency import Landing, LatencyTable
from pnas_ops import (
    Architecture,
    DeviceInfo,
    Measurement,
    OpSpec,
    TreeBlockSpec,
    half_edges,
    kernel_color,
    tree_text,
    workloads,
)

_FILE_WIDTH = max(len(name) for name in BUNDLE_FILES)


def results_table(nets: Sequence[NetResult], *, file: str, measured_elsewhere: bool = False) -> Table:
    """The nets side by side.

    Args:
        nets: one line each.
        file: the name of the file that was measured.
        measured_elsewhere: whether the table that predicts is that of another device, so that nothing is off.
    """
    title = f"Nets, trained on from the supernet (latency of {file}, one image)"
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
            "-" if measured_elsewhere else f"{net.predicted_ms / measured_ms - 1:+.1%}",
        )
    return table


def landing_table(landing: Landing) -> Table:
    """What was asked for, and the nets that were tried for it."""
    table = Table(title=f"Landing on {landing.target_ms:.4f} ms", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("net", "predicted ms", "measured ms", "of the target", ""):
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
    return table


def parity_table(proofs: Sequence[Parity]) -> Table:
    """Files beside PyTorch, on images of which nobody knows the class."""
    table = Table(
        title=f"Files beside PyTorch on {proofs[0].images} random images", title_justify="left", box=SIMPLE_HEAD
    )
    table.add_column("file")
    table.add_column("runtime")
    table.add_column("differs, of the largest logit", justify="right")
    for proof in proofs:
        table.add_row(proof.file, f"{proof.runtime} {proof.runtime_version}", f"{proof.max_relative_difference:.1e}")
    return table


def proof_table(proof: Proof) -> Table:
    """Every file on every runtime beside PyTorch; it fits 80 columns."""
    threads = "/".join(f"{timing.threads}" for timing in proof.files[0].timings)
    table = Table(
        title=f"Files beside PyTorch, {proof.net_accuracy:.2%} right, on {proof.images} test images\n"
        "(differs: of the largest logit; memory: beside the runtime)",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption="\n".join([*map(_lossy_line, proof.lossy), *(refusal.reason for refusal in proof.refused)]),
        caption_justify="left",
    )
    table.add_column("file, runtime", min_width=_FILE_WIDTH)
    for heading in ("differs", "same\nclass", "accuracy", f"ms, {threads}\nthreads", "size,\nmemory"):
        table.add_column(heading, justify="right")
    for name, files in groupby(proof.files, key=lambda file: file.parity.file):
        for index, file in enumerate(files):
            if index == 0:
                table.add_row(Text(name, style="bold"), *[""] * 4, f"{file.size_bytes / 1e6:.2f} MB")
            table.add_row(
                f"  {file.parity.runtime} {file.parity.runtime_version}",
                f"{file.parity.max_relative_difference:.1e}",
                f"{file.parity.top1_agreement:.2%}",
                f"{file.accuracy:.2%}",
                "/".join(_three_digits(timing.measurement.latency_ms) for timing in file.timings),
                f"{file.peak_memory_bytes / 1e6:.1f} MB",
            )
    return table


def _three_digits(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.3g}"


def _lossy_line(lossy: LossyFile) -> str:
    layers = ", ".join(f"layer {layer.layer} ({layer.relative_error:.0%} off)" for layer in lossy.layers)
    return f"{lossy.file} loses more than {MAX_ACCURACY_LOSS:.0%}; it computes worst: {layers}"


def accuracy_table(rows: Sequence[tuple[str, str, float]], images: int) -> Table:
    """What was evaluated, on which runtime, and how it did."""
    table = Table(title=f"Accuracy on {images} test images", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("what", "runtime"):
        table.add_column(heading)
    table.add_column("accuracy", justify="right")
    for what, runtime, found in rows:
        table.add_row(what, runtime, f"{found:.2%}")
    return table


def timing_table(measured: Mapping[Path, Measurement], device: DeviceInfo) -> Table:
    """Files timed on a device."""
    table = Table(
        title=f"Latency of one image, ms, on {device.device}\n"
        f"({device.runtime} {device.runtime_version}, threads: {device.threads})",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("file", min_width=_FILE_WIDTH)
    for heading in ("p10", "p25", "median", "p75", "samples"):
        table.add_column(heading, justify="right")
    for path, one in measured.items():
        times = (one.latency_ms, one.p25_ms, one.median_ms, one.p75_ms)
        table.add_row(path.name, *(f"{value:.4f}" for value in times), f"{one.count}")
    return table


def validation_table(table: LatencyTable) -> Table:
    """How far the predictions are from the whole nets that are held out, uncorrected and calibrated; 80 columns."""
    # 0 is what is left of reports without samples.
    floor = f"{table.noise_floor:.2%}" if table.noise_floor else "not measured"
    drawing = Table(
        title=f"Predicted against measured whole nets (noise floor {floor})",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption=_calibration_line(table),
        caption_justify="left",
    )
    drawing.add_column("prediction", no_wrap=True)
    for heading in ("nets", "MAPE", "RMSE,\nms", "bias", "worst", "within\n5 %", "within\n10 %", "Spearman"):
        drawing.add_column(heading, justify="right")
    predictions = {"as summed": evolve(table, calibration=None)}
    if table.calibration is not None:
        predictions["calibrated"] = table
    for name, one in predictions.items():
        for what, band in ((name, False), ("  narrow band", True)):
            if band and not any(entry.held_out and entry.band for entry in one.nets):
                continue
            found = one.validate(band=band)
            drawing.add_row(
                what,
                f"{found.nets}",
                f"{found.mape:.2%}",
                f"{found.rmse_ms:.4f}",
                f"{found.bias:+.2%}",
                f"{found.worst:.2%}",
                f"{found.within_5_percent:.0%}",
                f"{found.within_10_percent:.0%}",
                "-" if found.spearman is None else f"{found.spearman:.3f}",
            )
    return drawing


def _calibration_line(table: LatencyTable) -> str:
    if table.calibration is None:
        return ""
    scale, offset_ms = table.calibration.scale, table.calibration.offset_ms
    count = sum(not entry.held_out for entry in table.nets)
    offset = f" {'+' if offset_ms > 0 else '-'} {abs(offset_ms):.4f} ms" if offset_ms else ""
    return f"calibrated with {count} other nets: {scale:.4f} times the sum{offset}"


def device_table(report: Sequence[DeviceStatus]) -> Table:
    """Which devices can be measured on here, and what the others lack."""
    table = Table(title="Devices", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("--device", "usable", "version, or what it lacks"):
        table.add_column(heading)
    for one in report:
        table.add_row(one.name, "yes" if one.usable else "no", one.version if one.usable else one.reason)
    return table


def architecture_table(architecture: Architecture, table: LatencyTable) -> Table:
    """A net block by block, with a bar for what each costs."""
    drawing = Table(title=f"The {architecture.name} net, block by block", title_justify="left", box=None)
    for heading in ("block", "input", "operation", "channels", "ms", ""):
        drawing.add_column(
            heading, justify="right" if heading in ("block", "ms") else "left", no_wrap=heading == "operation"
        )
    rows = [row[0] for row in workloads(architecture)]
    # Trees take more of the 80 columns.
    bar = 9 if any(isinstance(workload.block.op, TreeBlockSpec) for workload in rows) else 24
    longest = max(table.latency_ms(workload) for workload in rows)
    for index, workload in enumerate(rows):
        block, cost_ms = workload.block, table.latency_ms(workload)
        color = kernel_color(block.op.kernel_size)
        drawing.add_row(
            f"{index}",
            f"{workload.height}x{workload.width}",
            Text(_op_text(block.op), style=color),
            f"{block.in_channels}->{block.out_channels}{' /' + str(block.stride) if block.stride > 1 else ''}",
            f"{cost_ms:.4f}",
            Text("█" * max(1, round(bar * cost_ms / longest)) if cost_ms else "", style=color),
        )
    return drawing


def _op_text(op: OpSpec) -> str:
    """The operation; one of trees on a line for each of them."""
    if not isinstance(op, TreeBlockSpec):
        return str(op)
    first, second = (tree_text(edges) for edges in half_edges(op))
    return f"{first}\n{second}"
