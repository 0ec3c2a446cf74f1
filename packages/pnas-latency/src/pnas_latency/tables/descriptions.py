"""Short descriptions of tables and their lines, for the Python prompt and notebooks."""

from typing import TYPE_CHECKING

from pnas_ops import counted, html_table, shortened

if TYPE_CHECKING:
    from pnas_latency.tables.table import LatencyTable

_ROWS_SHOWN = 20


def table_in_a_line(table: "LatencyTable") -> str:
    """What `repr` says."""
    calibrated = "" if table.calibration is None else ", calibrated"
    return (
        f"<LatencyTable {counted(len(table.entries), 'workload')}, {counted(len(table.nets), 'net')}, "
        f"{table.measured_on}{calibrated}, {shortened(str(table.device), 60)}>"
    )


def table_in_lines(table: "LatencyTable") -> str:
    """What `print` says."""
    latencies_ms = [measured.latency_ms for measured in table.measurements.values()]
    span = f" of {min(latencies_ms):.4g} to {max(latencies_ms):.4g} ms" if latencies_ms else ""
    held_out = sum(entry.held_out for entry in table.nets)
    nets = f", {held_out} of them held out" if table.nets else ""
    calibration = "none"
    if table.calibration is not None:
        offset_ms = table.calibration.offset_ms
        calibration = f"{table.calibration.scale:.4g} x the sum{f' {offset_ms:+.4g} ms' if offset_ms else ''}"
    noise_floor = "not measured" if table.noise_floor is None else f"{table.noise_floor:.2%}"
    speed = [] if table.probe_ms is None else [f"  speed:       the probe takes {table.probe_ms:.4g} ms"]
    return "\n".join(
        [
            f"LatencyTable of {table.device}",
            f"  measured on: {table.measured_on}",
            f"  workloads:   {len(table.entries)}{span}",
            f"  nets:        {len(table.nets)}{nets}",
            f"  calibration: {calibration}",
            f"  noise floor: {noise_floor}",
            *speed,
        ]
    )


def table_as_html(table: "LatencyTable") -> str:
    """What a notebook shows: the first workloads, as they were measured, and how many more there are."""
    columns = list(dict.fromkeys(name for entry in table.entries for name in entry.columns))
    rows = [
        [
            entry.workload.name,
            f"{entry.measurement.latency_ms:.4f}",
            "noisy" if entry.measurement.noisy else "",
            *(f"{entry.columns[name]:.4g}" if name in entry.columns else "" for name in columns),
        ]
        for entry in table.entries[:_ROWS_SHOWN]
    ]
    more = len(table.entries) - _ROWS_SHOWN
    calibrated = "" if table.calibration is None else f"; nets take {table.calibration.scale:.4g} times the sum"
    return html_table(
        f"{table.device}, {table.measured_on}{calibrated}",
        ["workload", "ms", "", *columns],
        rows,
        below=f"and {counted(more, 'more workload')}" if more > 0 else "",
    )
