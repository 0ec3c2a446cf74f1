"""Nets that ProxylessNAS released: drawn, priced on a device, and their weights shipped."""

from pathlib import Path

import torch
from rich.console import Console

from pnas_apps.devices.device_names import parse_device
from pnas_apps.devices.known_tables import read_table
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.showing.file_tables import parity_table
from pnas_apps.showing.run_tables import architecture_table
from pnas_export import Format, export_file, verify_files
from pnas_latency import LatencyTable, ValidationNet, measure_table
from pnas_ops import (
    RELEASED,
    Architecture,
    architecture_macs,
    architecture_parameters,
    draw_architectures,
    load_original_checkpoint,
    read_original_config,
    released,
    save_figure,
    save_json,
    workloads,
)

PROOF_IMAGES = 8


def show_released(
    name: str,
    folder: Path,
    *,
    weights: Path | None,
    table: Path | None,
    device: str,
    threads: int,
    cache: Cache,
    reporter: Reporter,
) -> None:
    """Leaves a net in a folder: architecture.json, architecture.png and table.json; net.onnx and net.tflite of weights.

    The files compute what PyTorch does, on every runtime here, within 1e-4 of the largest logit, or none is left.

    Args:
        name: one of `RELEASED`, or the path of the original's description of a net (net.config).
        folder: must be new or empty.
        weights: the original's checkpoint of the net; without it no file is exported.
        table: what prices it; measured on the device, block by block and as a whole, if None.
        device: see `pnas_apps.devices.device_names.parse_device`.
        threads: of the device.
        cache: of conversions.
        reporter: shows progress.

    Raises:
        UserError: for anything that the user can fix.
    """
    net = _find(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not empty: give another --out")
    try:
        network = None if weights is None else load_original_checkpoint(weights, net)
        priced = _priced(net, table, device, threads, cache, reporter)
        folder.mkdir(parents=True, exist_ok=True)
        priced.save(folder / "table.json")
        save_json(net, folder / "architecture.json")
        save_figure(draw_architectures([priced.priced(net)]), folder / "architecture.png")
        _tell(net, priced, reporter.console)
        if network is not None:
            _ship(network, net, folder, cache, reporter)
    except OSError as error:
        raise UserError(f"{error.filename} cannot be used ({error.strerror})") from None
    except ValueError as error:
        raise UserError(str(error)) from error
    names = ", ".join(sorted(path.name for path in folder.iterdir()))
    reporter.console.print(f"Everything is in {folder}: {names}")


def _find(name: str) -> Architecture:
    for known in RELEASED:
        if known == name:
            return released(known)
    path = Path(name)
    if not path.is_file():
        raise UserError(f"there is no released net or file {name!r}: name one of {', '.join(RELEASED)}, or a config")
    try:
        return read_original_config(path)
    except ValueError as error:
        raise UserError(str(error)) from None


def _priced(
    net: Architecture, table: Path | None, device: str, threads: int, cache: Cache, reporter: Reporter
) -> LatencyTable:
    if table is not None:
        found = read_table(table)
        if missing := found.missing(workloads(net)):
            raise UserError(
                f"{table} lacks {len(missing)} blocks of {net.name}, such as {missing[0]}: leave out --table to "
                "measure them, or name another table"
            )
        return found
    one = parse_device(device, threads=threads, dtype="float32", cache=cache, log=None)
    whole = ValidationNet(architecture=net, held_out=True, band=False)
    with reporter.phases() as progress:
        return measure_table(one, net, validation=[whole], progress=progress)


def _tell(net: Architecture, table: LatencyTable, console: Console) -> None:
    console.print(architecture_table(table.priced(net)))
    judges = table.at_one_speed().nets
    measured = [entry.total_ms for entry in judges if workloads(entry.architecture) == workloads(net)]
    console.print(
        f"{net.name}: {architecture_parameters(net):,} parameters, {architecture_macs(net):,} MACs, "
        f"{table.predict_ms(net):.3f} ms predicted"
        + "".join(f", {latency_ms:.3f} ms measured" for latency_ms in measured)
        + f" on\n  {table.device}",
        soft_wrap=True,
    )


def _ship(network: torch.nn.Module, net: Architecture, folder: Path, cache: Cache, reporter: Reporter) -> None:
    formats: dict[Path, Format] = {folder / "net.onnx": "onnx", folder / "net.tflite": "tflite"}
    images = torch.randn(PROOF_IMAGES, *net.input_shape[1:], generator=torch.Generator().manual_seed(0))
    try:
        for path, format_ in formats.items():
            with reporter.bar(f"writing {path.name}", 1) as advance:
                export_file(network, net.input_shape, path, format_, cache=cache.conversions)
                advance()
        reporter.console.print(parity_table(verify_files(network, list(formats), images)))
    except BaseException:  # Ctrl-C too: nobody should take an unproven file for a proven one
        for path in formats:
            path.unlink(missing_ok=True)
        raise
