"""Measuring blocks and nets as files, one after the other: for devices that run nothing but files."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import torch
from attrs import evolve

from pnas_export.blocks.chaining import architecture_signatures, chain_signatures
from pnas_export.blocks.signatures import IDLE, convert_workloads, needed_workloads
from pnas_export.quantizing.quantization import MIN_CALIBRATION_IMAGES, quantize_tflite
from pnas_ops import Architecture, Measurement, Progress, Workload, report_progress

FileDtype = Literal["float32", "int8"]

TimeFile = Callable[[Path, str], Measurement]
"""Times a TFLite file, the cost of a call included; the text says what it is, for error messages."""


def measure_as_files(
    time_file: TimeFile,
    rows: Sequence[Sequence[Workload]],
    nets: Sequence[Architecture],
    *,
    dtype: FileDtype,
    cache: Path | None,
    log: Path | None,
    progress: Progress | None,
) -> Iterator[tuple[Workload | Architecture, Measurement]]:
    """Times each workload of `rows` once, then each net, less the cost of a call.

    All blocks are converted, at once, before this returns; a file is timed when its measurement is asked for, so that
    those before it are kept whatever happens to the device.

    Args:
        time_file: the device.
        rows: the workloads at each position of a net.
        nets: to be measured whole.
        dtype: int8 files find their ranges on random images, which makes them as fast as real ones, no more.
        cache: a folder that keeps what was converted.
        log: a file that receives what the converter prints; dropped if None.
        progress: told about "converting", then about "measuring".

    Raises:
        ValueError: for a workload that computes nothing.
        ConversionError: naming the workload that the converter refuses.
    """
    blocks = list(dict.fromkeys(workload for row in rows for workload in row))
    needed = needed_workloads(rows, nets)
    if not needed:
        return iter(())
    report_progress(progress, "converting", 0, 1)
    model = convert_workloads(needed, cache=cache, log=log)
    report_progress(progress, "converting", 1, 1)
    keys: list[Workload | Architecture] = [*blocks, *dict.fromkeys(nets)]
    return _measure(time_file, keys, model, dtype=dtype, log=log, progress=progress)


def measure_paths(time_file: TimeFile, paths: Sequence[Path], *, progress: Progress | None) -> dict[Path, Measurement]:
    """Times files in their order, the cost of a call included."""
    measured = {}
    for done, path in enumerate(paths, start=1):
        measured[path] = time_file(path, str(path))
        report_progress(progress, "measuring", done, len(paths))
    return measured


def _measure(
    time_file: TimeFile,
    keys: Sequence[Workload | Architecture],
    model: bytes,
    *,
    dtype: FileDtype,
    log: Path | None,
    progress: Progress | None,
) -> Iterator[tuple[Workload | Architecture, Measurement]]:
    with tempfile.TemporaryDirectory(prefix="pnas-") as folder:
        path = Path(folder, "model.tflite")
        path.write_bytes(chain_signatures(model, [IDLE]))
        overhead_ms = time_file(path, "an empty call").latency_ms
        for done, key in enumerate(keys, start=1):
            match key:
                case Architecture():
                    what, names = f"net {key.name!r}", architecture_signatures(key)
                    shape: tuple[int, ...] = (key.in_channels, key.resolution, key.resolution)
                case Workload():
                    what, names, shape = f"block {key}", (str(key),), key.input_shape[1:]
            path.write_bytes(chain_signatures(model, names))
            if dtype == "int8":
                images = torch.randn(MIN_CALIBRATION_IMAGES, *shape, generator=torch.Generator().manual_seed(0))
                quantize_tflite(path, path, "int8", calibration=images, log=log)
            total = time_file(path, what)
            report_progress(progress, "measuring", done, len(keys))
            yield key, evolve(total, latency_ms=max(0.0, total.latency_ms - overhead_ms), overhead_ms=overhead_ms)
