"""Each device gets its own net: two searched nets measured on both runtimes, and drawn side by side.

Run with `uv run python tests/benchmarks/specialize.py RUN RUN` on an idle machine, with the folders of two runs of
`pnas-cifar10 search`, one with `--device tflite` and one with `--device onnxruntime`.
"""

from pathlib import Path

import click
from attrs import evolve
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pnas_apps.ground.cache import find_cache
from pnas_export import OnnxDevice, TFLiteDevice
from pnas_latency import LatencyTable
from pnas_ops import Architecture, architecture_macs, draw_architectures, load_json, save_figure


@click.command()
@click.argument("runs", nargs=2, type=click.Path(exists=True, path_type=Path))
@click.option("--picture", type=click.Path(path_type=Path), default=Path("specialized.png"))
def main(runs: tuple[Path, Path], picture: Path) -> None:
    """Prints the table of nets and devices, and draws both nets with the costs of both."""
    cache = find_cache(None).conversions
    devices = {one.info.runtime: one for one in (TFLiteDevice(cache=cache), OnnxDevice(cache=cache))}
    tables = {run: LatencyTable.load(run / "table.json") for run in runs}
    nets = {
        run: evolve(load_json(run / "architecture.json", Architecture), name=f"for {tables[run].device.runtime}")
        for run in runs
    }
    measured = {
        (net.name, runtime): one.latency_ms + one.overhead_ms
        for runtime, device in devices.items()
        for net, one in device.measure([], nets=list(nets.values()))
    }
    table = Table(title="Measured, ms", box=SIMPLE_HEAD, title_justify="left")
    table.add_column("net")
    for heading in (*(f"on {runtime}" for runtime in devices), "MACs"):
        table.add_column(heading, justify="right")
    for net in nets.values():
        times = (f"{measured[net.name, runtime]:.4f}" for runtime in devices)
        table.add_row(net.name, *times, f"{architecture_macs(net) / 1e6:.2f} M")
    Console().print(table)
    save_figure(draw_architectures([tables[run].priced(net) for run, net in nets.items()]), picture)


if __name__ == "__main__":
    main()
