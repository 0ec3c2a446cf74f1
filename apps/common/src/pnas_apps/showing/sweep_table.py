"""What a sweep found, as a table."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from pnas_apps.run.sweep_results import AimResult
from pnas_apps.showing.run_tables import measured_text, off_by_text


def sweep_table(aims: Sequence[AimResult]) -> Table:
    """A line for each requested latency on each device, all at the speed of its table."""
    table = Table(
        title="The nets of one search (requested, predicted, measured: ms at the speed of the device's table)",
        title_justify="left",
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    table.add_column("device", overflow="fold")
    for heading in ("requested", "predicted", "measured", "off by", "accuracy", "params", "MACs"):
        table.add_column(heading, justify="right")
    for aim in aims:
        net = aim.searched
        table.add_row(
            aim.device,
            f"{aim.asked_ms:.4f}",
            f"{net.predicted_ms:.4f}",
            measured_text(net.measured.at(net.table_probe_ms)),
            off_by_text(net.off_by, noisy=net.measured.noisy),
            f"{net.test_accuracy:.2%}",
            f"{net.parameters / 1e3:.0f} k",
            f"{net.macs / 1e6:.1f} M",
        )
    return table
