"""Exported files, as tables for the terminal."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from pnas_apps.ground.terminal import printable
from pnas_apps.showing.run_tables import word, words_line
from pnas_export import (
    BUNDLE_FILES,
    CALIBRATED_FORMATS,
    MAX_ACCURACY_LOSS,
    Parity,
    Proof,
    format_of,
)
from pnas_ops import DeviceInfo, Measurement

_FILE_WIDTH = max(len(name) for name in BUNDLE_FILES)


def parity_table(proofs: Sequence[Parity]) -> Table:
    """Files compared with PyTorch, on unlabelled images."""
    table = Table(
        title=f"Files compared with PyTorch on {proofs[0].images} random images", title_justify="left", box=SIMPLE_HEAD
    )
    table.add_column("file")
    table.add_column("runtime")
    table.add_column("difference, relative to the largest logit", justify="right")
    for proof in proofs:
        table.add_row(proof.file, f"{proof.runtime} {proof.runtime_version}", f"{proof.max_relative_difference:.1e}")
    return table


def proof_table(proof: Proof) -> Table:
    """Every file on every runtime, compared with PyTorch; it fits 80 columns."""
    threads = "/".join(f"{timing.threads}" for timing in proof.files[0].timings)
    judged = "accuracy" if proof.net_accuracy is not None else "score"
    said = (
        f"accuracy {proof.net_quality}" if proof.net_accuracy is not None else f"score {proof.net_quality or 'unknown'}"
    )
    table = Table(
        title=f"Files compared with PyTorch ({said}) on {proof.images} test images\n(differs: relative to the largest "
        "logit; memory: without the runtime)",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption="\n".join(
            [*_lossy_lines(proof), *map(str, proof.adjusted), *(refusal.reason for refusal in proof.refused)]
        ),
        caption_justify="left",
    )
    table.add_column("file, runtime", min_width=_FILE_WIDTH)
    for heading in ("differs", "same\nclass", judged, f"ms, {threads}\nthreads", "size,\nmemory"):
        table.add_column(heading, justify="right")
    for name, files in groupby(proof.files, key=lambda file: file.parity.file):
        for index, file in enumerate(files):
            if index == 0:
                table.add_row(Text(printable(name), style="bold"), *[""] * 4, f"{file.size_bytes / 1e6:.2f} MB")
            table.add_row(
                f"  {file.parity.runtime} {file.parity.runtime_version}",
                f"{file.parity.max_relative_difference:.1e}",
                "" if file.parity.top1_agreement is None else f"{file.parity.top1_agreement:.2%}",
                file.quality,
                # A line for each of them where there is a word to say: the table fits 80 columns.
                ("/\n" if any(one.measurement.noisy for one in file.timings) else "/").join(map(str, file.timings)),
                f"{file.peak_memory_bytes / 1e6:.1f} MB",
            )
    return table


def accuracy_table(rows: Sequence[tuple[str, str, float]], images: int) -> Table:
    """What was evaluated, on which runtime, and how it did."""
    table = Table(title=f"Accuracy on {images} test images", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("what", "runtime"):
        table.add_column(heading)
    table.add_column("accuracy", justify="right")
    for what, runtime, found in rows:
        table.add_row(what, runtime, f"{found:.2%}")
    return table


def timing_table(
    measured: Mapping[Path, Measurement], device: DeviceInfo, *, table_probe_ms: float | None = None
) -> Table:
    """Files timed on a device.

    Args:
        measured: what each of them took.
        device: where.
        table_probe_ms: what the probe took when the table of their run was made; None where that is not known.
    """
    table = Table(
        title=f"Latency of {device.images}, ms, on {device.device}\n"
        f"({device.runtime} {device.runtime_version}, threads: {device.threads})",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption="\n".join(filter(None, (_speed(measured.values(), table_probe_ms), words_line(measured.values())))),
        caption_justify="left",
    )
    table.add_column("file", min_width=_FILE_WIDTH)
    for heading in ("p10", "p25", "median", "p75", "samples"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for path, one in measured.items():
        times = (one.latency_ms, one.p25_ms, one.median_ms, one.p75_ms)
        table.add_row(path.name, *(f"{value:.4f}" for value in times), f"{one.count}", word(one))
    return table


def _speed(measured: Iterable[Measurement], table_probe_ms: float | None) -> str | None:
    known = [one.probe_ms for one in measured if one.probe_ms is not None]
    if not known:
        return None
    now_ms = statistics.median(known)
    before = (
        ""
        if table_probe_ms is None
        else f", {now_ms / table_probe_ms:.2f} times the {table_probe_ms:.4f} ms of the run's table"
    )
    return f"At the machine speed at which the probe takes {now_ms:.4f} ms{before}."


def _lossy_lines(proof: Proof) -> list[str]:
    """The files that lose too much, and the ways out that they have not gone yet."""
    lines = []
    for lossy in proof.lossy:
        layers = ", ".join(f"layer {layer.layer} ({layer.relative_error:.0%} off)" for layer in lossy.layers)
        lines.append(f"{lossy.file} loses more than {MAX_ACCURACY_LOSS:.0%}; layers with the largest errors: {layers}")
        format_ = format_of(lossy.file)
        if format_ in CALIBRATED_FORMATS:
            lines.append(
                f"To lose less, export RUN --format {format_} with --fine-tune 5 (trains the weights for int8), "
                "--keep-float auto (some layers in float32: larger, slower), or both"
            )
    return lines
