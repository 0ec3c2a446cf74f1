"""Devices, and how good their latency tables are, as tables for the terminal."""

from collections.abc import Sequence

from attrs import evolve
from rich.box import SIMPLE_HEAD
from rich.table import Table

from pnas_apps.devices.device_report import DeviceStatus
from pnas_latency import LatencyTable


def device_table(report: Sequence[DeviceStatus]) -> Table:
    """Which devices can be measured on here, and what the others lack."""
    table = Table(title="Devices", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("--device", "usable", "version, or what is missing"):
        table.add_column(heading)
    for one in report:
        table.add_row(one.name, "yes" if one.usable else "no", one.version if one.usable else one.reason)
    return table


def validation_table(table: LatencyTable) -> Table:
    """How far the predictions are from the whole nets that are held out, uncorrected and calibrated; 80 columns."""
    # 0 is what is left of reports without samples.
    floor = f"{table.noise_floor:.2%}" if table.noise_floor else "not measured"
    drawing = Table(
        title=f"Predicted and measured latency of whole nets (noise floor {floor})",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption=calibration_line(table),
        caption_justify="left",
    )
    drawing.add_column("prediction", no_wrap=True)
    for heading in ("nets", "MAPE", "RMSE,\nms", "bias", "worst", "within\n5%", "within\n10%", "Spearman"):
        drawing.add_column(heading, justify="right")
    predictions = {"sum of blocks": evolve(table, calibration=None)}
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


def calibration_line(table: LatencyTable) -> str:
    """How a table predicts whole nets; empty where by the sum of their blocks alone."""
    if table.calibration is None:
        return ""
    scale, offset_ms = table.calibration.scale, table.calibration.offset_ms
    count = sum(not entry.held_out for entry in table.nets)
    offset = f" {'+' if offset_ms > 0 else '-'} {abs(offset_ms):.4f} ms" if offset_ms else ""
    return f"calibrated with {count} other nets: {scale:.4f} times the sum{offset}"
