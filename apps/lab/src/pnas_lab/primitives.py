"""What `pnas-lab primitives` prints and draws."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from pnas_apps.devices.device_names import parse_device
from pnas_apps.ground.cache import find_cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_lab.output import Output
from pnas_lab.tables import field_text, in_bytes, plain_table, short
from pnas_latency import Device
from pnas_ops import (
    Account,
    Architecture,
    DeviceInfo,
    Primitive,
    StoredDtype,
    architecture_account,
    counted,
    draw_primitives,
    primitives,
)

_OTHER_SHAPES = "/2: to half the size and twice the channels; x2: to twice the size"


def look_at_primitives(
    *,
    channels: int,
    resolution: int,
    dtype: StoredDtype,
    device: str | None,
    threads: int,
    cache_dir: Path | None,
    output: Output,
    reporter: Reporter,
) -> None:
    """Counts, measures where there is a device, and shows the result.

    Raises:
        UserError, PnasError: for a device that cannot be used.
    """
    found = primitives(channels)
    measuring = None if device is None else _device(device, threads, dtype, cache_dir)
    nets = {one.name: one.net(resolution) for one in found if one.blocks}
    accounts = {name: architecture_account(net, dtype=dtype) for name, net in nets.items()}
    latency_ms = {} if measuring is None else _measured(measuring, list(nets.values()), output, reporter)
    title = f"{counted(channels, 'channel')}, {resolution}x{resolution}, {dtype}"

    def shown() -> list[Table | str]:
        measured = [] if measuring is None else [_latency_table(accounts, latency_ms, measuring.info)]
        left_out = [f"Left out: {one.name}. {one.misfit}" for one in found if one.misfit]
        return [_table(accounts, title), *measured, _OTHER_SHAPES, *left_out]

    output.put(
        reporter,
        document={
            "channels": channels,
            "resolution_pixels": resolution,
            "dtype": dtype,
            "device": None if measuring is None else str(measuring.info),
            "operations": _rows(found, accounts, latency_ms),
            "left_out": {one.name: one.misfit for one in found if one.misfit},
        },
        shown=shown,
        figure=lambda: draw_primitives(accounts, title=title, latency_ms=latency_ms),
    )


def _device(name: str, threads: int, dtype: StoredDtype, cache_dir: Path | None) -> Device:
    return parse_device(name, threads=threads, dtype=dtype, cache=find_cache(cache_dir), log=None)


def _measured(device: Device, nets: Sequence[Architecture], output: Output, reporter: Reporter) -> dict[str, float]:
    """Milliseconds by name, all measured in turns."""
    try:
        with output.progress(reporter) as progress:
            found = dict(device.measure([], nets=nets, progress=progress))
    except ValueError as error:  # of a runtime that fails
        raise UserError(str(error)) from error
    return {net.name: found[net].latency_ms for net in nets}


def _table(accounts: Mapping[str, Account], title: str) -> Table:
    """Each operation, with its ratios to the first; it fits 80 columns."""
    table = plain_table(f"Operations of {title} (x: times the first row)")
    table.add_column("operation")
    for heading in ("MACs", "x", "params", "x", "weights", "peak\nmemory", "x", "MACs\n/byte", "sees"):
        table.add_column(heading, justify="right", no_wrap=True)
    plain = next(iter(accounts.values()))
    for name, one in accounts.items():
        table.add_row(
            name,
            short(one.macs),
            _ratio(one.macs / plain.macs),
            short(one.parameters),
            _ratio(one.parameters / plain.parameters),
            in_bytes(one.weight_bytes),
            in_bytes(one.peak_activation_bytes),
            _ratio(one.peak_activation_bytes / plain.peak_activation_bytes),
            f"{one.macs_per_byte:.1f}",
            field_text(one.receptive_field),
        )
    return table


def _latency_table(accounts: Mapping[str, Account], latency_ms: Mapping[str, float], device: DeviceInfo) -> Table:
    table = plain_table(f"Latency, {device.images}, on {device}")
    table.add_column("operation")
    for heading in ("ms", "x", "M MACs a ms"):
        table.add_column(heading, justify="right")
    plain_ms = latency_ms[next(iter(accounts))]
    for name, ms in latency_ms.items():
        rate = f"{accounts[name].macs * device.batch / ms / 1e6:.1f}" if ms else ""
        table.add_row(name, f"{ms:.4f}", _ratio(ms / plain_ms) if plain_ms else "", rate)
    return table


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def _rows(
    found: Sequence[Primitive], accounts: Mapping[str, Account], latency_ms: Mapping[str, float]
) -> list[dict[str, object]]:
    plain = accounts[found[0].name]
    return [
        {
            "operation": one.name,
            "blocks": list(map(str, one.blocks)),
            "macs": account.macs,
            "parameters": account.parameters,
            "weight_bytes": account.weight_bytes,
            "peak_activation_bytes": account.peak_activation_bytes,
            "moved_bytes": account.moved_bytes,
            "macs_per_byte": account.macs_per_byte,
            "receptive_field_pixels": account.receptive_field,
            "latency_ms": latency_ms.get(one.name),
            "times_the_macs": account.macs / plain.macs,
            "times_the_parameters": account.parameters / plain.parameters,
            "times_the_peak_activation": account.peak_activation_bytes / plain.peak_activation_bytes,
        }
        for one in found
        if (account := accounts.get(one.name))
    ]
