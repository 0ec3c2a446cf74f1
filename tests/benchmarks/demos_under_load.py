"""Demos on a machine that is kept busy on and off: how near predictions come to what is measured, and landings to aims.

    uv run python tests/benchmarks/demos_under_load.py OUT

Each demo has a seed and a budget of latency of its own, a cache of its own, and so a table that it measures itself.
Beside them, as many processes as there are cores multiply matrices for some seconds, and stop for some. A line of JSON
for each demo: what was asked; what the net that was found is predicted to take, and what its file was measured to take
in the end, both as at the speed of the table; how many times as long the machine took by then; and by how much the
prediction is off, None where the report says that it is too noisy to tell. At the end, how many of them are within 5%,
and how many nets take from 95 to 102% of what was asked. Demos that are finished in OUT are not repeated.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pnas_apps.run.results import RunResults
from pnas_apps.run.run_folder import RunFolder
from pnas_ops import load_json

CHEAPEST_MS, DEAREST_MS = 0.1, 0.3
"""Between these, one of the digits' nets can be found on any machine of these years."""
MULTIPLY = "import numpy; a = numpy.random.rand(300, 300)\nwhile True: a = a @ a; a /= a.max()"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
CLOSE = 0.05
LEAST, MOST = 0.95, 1.02


@click.command(help=__doc__)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--demos", default=10, show_default=True)
@click.option(
    "--seconds",
    "range_s",
    type=(float, float),
    default=(2.0, 15.0),
    show_default=True,
    help="That the load is on, or off.",
)
@click.option("--load", "is_load", is_flag=True, hidden=True)
def main(out: Path, demos: int, range_s: tuple[float, float], is_load: bool) -> None:
    if is_load:
        load(*range_s)
    out.mkdir(parents=True, exist_ok=True)
    lines = []
    for seed in range(1, demos + 1):
        asked_ms = round(CHEAPEST_MS * (DEAREST_MS / CHEAPEST_MS) ** random.Random(seed).random(), 3)
        lines.append(line_of(out / f"demo-{seed}", seed, asked_ms, range_s))
        print(json.dumps(lines[-1]), flush=True)
    print(json.dumps(summary(lines)))


def load(least_s: float, most_s: float) -> None:
    """Keeps all cores busy on and off, forever."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that those beside end with it
    chance = random.Random(0)
    while True:
        with beside([[sys.executable, "-c", MULTIPLY]] * (os.cpu_count() or 1)):
            time.sleep(chance.uniform(least_s, most_s))
        time.sleep(chance.uniform(least_s, most_s))


@contextmanager
def beside(commands: list[list[str]]) -> Iterator[None]:
    """Runs something meanwhile."""
    others = [subprocess.Popen(command, env=os.environ | ONE_THREAD) for command in commands]
    try:
        yield
    finally:
        for one in others:
            one.terminate()
        for one in others:
            one.wait()


def line_of(folder: Path, seed: int, asked_ms: float, range_s: tuple[float, float]) -> dict[str, Any]:
    """Runs a demo, if it is not finished, and says what came of it."""
    run = RunFolder(folder)
    command = [sys.executable, "-m", "pnas_cifar10", "demo", "--run-dir", str(folder), "--seed", str(seed)]
    command += ["--cache-dir", f"{folder}-cache", "--target-latency-ms", f"{asked_ms}", "--compare", "0"]
    if not run.is_finished:
        busy = [sys.executable, __file__, str(folder.parent), "--load", "--seconds", *map(str, range_s)]
        with beside([busy]), Path(f"{folder}.log").open("a") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True)
    results = load_json(run.results, RunResults)
    (net,) = results.nets
    at_table_ms = net.measured.latency_ms / (net.slower or 1)
    return {
        "demo": seed,
        "seconds": round(sum(results.seconds.values())),
        "asked_ms": asked_ms,
        "predicted_ms": round(net.predicted_ms, 4),
        "measured_ms": round(at_table_ms, 4),
        "of_asked": round(at_table_ms / asked_ms, 3),
        "slower": None if net.slower is None else round(net.slower, 3),
        "off_by": None if net.off_by is None else round(net.off_by, 3),
    }


def summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """How many are as near as they should be."""
    told = [line["off_by"] for line in lines if line["off_by"] is not None]
    return {
        "demos": len(lines),
        "predicted_within_5_percent": sum(abs(off_by) <= CLOSE for off_by in told),
        "too_noisy_to_tell": len(lines) - len(told),
        "landed": sum(LEAST <= line["of_asked"] <= MOST for line in lines),
    }


if __name__ == "__main__":
    main()
