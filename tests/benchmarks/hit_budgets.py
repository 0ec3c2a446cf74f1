"""One search, one hit: what was asked for, predicted and measured; and where searches with a fixed penalty come down.

Run with `uv run python tests/benchmarks/hit_budgets.py DATA OUT` on an idle machine: DATA is CIFAR-10 (see the
program's --data-dir), OUT keeps a run folder for each search of about ten minutes. Searches that are there are not
repeated. All nets are measured together in the end, in turns, as files of chained blocks.
"""

import subprocess
import sys
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pnas_apps.ground.cache import find_cache
from pnas_export import TFLiteDevice
from pnas_latency import Landing
from pnas_ops import load_json

TARGETS_MS = (0.15, 0.3, 0.6)
WEIGHTS = (0.05, 0.2, 0.8, 3.2)


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--target", "targets", multiple=True, type=float, default=TARGETS_MS, help="Milliseconds.")
@click.option("--weight", "weights", multiple=True, type=float, default=WEIGHTS, help="Of the linear penalty.")
def main(data: Path, out: Path, targets: tuple[float, ...], weights: tuple[float, ...]) -> None:
    """Searches, measures and prints both tables."""
    runs = {out / f"target-{target:g}": ["--target-latency-ms", f"{target}"] for target in targets}
    fixed = {
        out / f"weight-{weight:g}": ["--objective-form", "linear", "--objective-weight", f"{weight}"]
        for weight in weights
    }
    for folder, options in (runs | fixed).items():
        command = [sys.executable, "-m", "pnas_cifar10", "search", "--preset", "quick", "--data-dir", str(data)]
        subprocess.run([*command, "--run-dir", str(folder), *options], check=True)
    found = {folder: load_json(folder / "landing.json", Landing).result for folder in runs | fixed}
    device = TFLiteDevice(cache=find_cache(None).conversions)
    measured = {
        net: one.latency_ms + one.overhead_ms
        for net, one in device.measure([], nets=list(dict.fromkeys(one.architecture for one in found.values())))
    }
    console = Console()
    hits = Table(title="Asked for, in one search each", box=SIMPLE_HEAD, title_justify="left")
    for heading in ("asked ms", "predicted ms", "measured ms", "of the target"):
        hits.add_column(heading, justify="right")
    for target, folder in zip(targets, runs, strict=True):
        one = found[folder]
        now = measured[one.architecture]
        hits.add_row(f"{target:g}", f"{one.predicted_ms:.4f}", f"{now:.4f}", f"{now / target:.1%}")
    console.print(hits)
    misses = Table(title="A fixed penalty, the most probable net", box=SIMPLE_HEAD, title_justify="left")
    misses.add_column("weight", justify="right")
    misses.add_column("measured ms", justify="right")
    for target in targets:
        misses.add_column(f"of {target:g} ms", justify="right")
    for weight, folder in zip(weights, fixed, strict=True):
        now = measured[found[folder].architecture]
        misses.add_row(f"{weight:g}", f"{now:.4f}", *(f"{now / target:.0%}" for target in targets))
    console.print(misses)


if __name__ == "__main__":
    main()
