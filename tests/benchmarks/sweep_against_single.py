"""Nets of one search for all budgets and devices beside nets of a search each: accuracy, and the searches' time.

    uv run python tests/benchmarks/sweep_against_single.py DATA OUT --target-latency-ms 0.1,0.2,0.4 -- --preset quick

runs `pnas-cifar10 sweep` and, for every budget and device, `pnas-cifar10 run`, with three seeds each and the flags
after `--`, on DATA (see the program's --data-dir). OUT keeps their folders: what is finished there is not done again,
and what was interrupted goes on. Prints a line of JSON for every net and every search, and one at the end. Accuracies
are shares of the test images, of nets trained on from the supernet as they ship. `difference` is that of the sweep's
nets and those of a search each; its standard error and its interval (95%, Student's t) are over the seeds, since nets
of one seed share their weights. `search_s` are seconds, which count on an idle machine alone; `times` the sweep's of
one search.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

import click
from attrs import asdict

from pnas_apps.run.difference import paired_difference
from pnas_apps.run.results import NetResult, RunResults
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.sweep_results import SweepResults
from pnas_ops import load_json

Line = dict[str, Any]


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
@click.option("--target-latency-ms", "targets", required=True, help="With commas between them.")
@click.option("--device", "devices", multiple=True, default=("tflite",), show_default=True, help="Several times.")
@click.option("--seed", "seeds", type=int, multiple=True, default=(0, 1, 2), show_default=True)
def main(
    data: Path,
    out: Path,
    flags: tuple[str, ...],
    targets: str,
    devices: tuple[str, ...],
    seeds: tuple[int, ...],
) -> None:
    """Runs what is not finished yet and prints the lines."""
    out.mkdir(parents=True, exist_ok=True)
    lines: list[Line] = []
    for seed in seeds:
        for line in lines_of_seed(seed, targets.split(","), devices, data, out, flags):
            print(json.dumps(line), flush=True)
            lines.append(line)
    print(json.dumps(summary(lines)))


def lines_of_seed(
    seed: int, targets: Sequence[str], devices: Sequence[str], data: Path, out: Path, flags: Sequence[str]
) -> Iterator[Line]:
    """A line for every net and every search of one seed."""
    common = ["--data-dir", str(data), "--seed", str(seed), *flags]
    wanted = ["--target-latency-ms", ",".join(targets), *(word for name in devices for word in ("--device", name))]
    sweep = finished(out / f"sweep-{seed}", "sweep", [*common, *wanted])
    found = load_json(sweep.results, SweepResults)
    yield {"seed": seed, "kind": "sweep", "search_s": found.seconds["search"]}
    for aim in found.aims:
        yield net_line(seed, "sweep", aim.device, aim.asked_ms, aim.searched)
    for target, device in product(targets, devices):
        name = re.sub(r"[^\w.-]+", "-", f"single-{seed}-{target}-{device}")
        single = finished(out / name, "run", [*common, "--target-latency-ms", target, "--device", device])
        results = load_json(single.results, RunResults)
        yield {"seed": seed, "kind": "single", "search_s": results.seconds["search"]}
        yield net_line(seed, "single", device, float(target), results.nets[0])


def finished(path: Path, verb: str, options: Sequence[str]) -> RunFolder:
    """The folder of a run that is finished, now or before."""
    folder = RunFolder(path)
    if not folder.is_finished:
        command = [sys.executable, "-m", "pnas_cifar10", verb, "--run-dir", str(path), *options]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return folder


def net_line(seed: int, kind: str, device: str, asked_ms: float, net: NetResult) -> Line:
    """What is told of one net."""
    return {
        "seed": seed,
        "kind": kind,
        "device": device,
        "asked_ms": asked_ms,
        "predicted_ms": net.predicted_ms,
        "measured_ms": net.measured.latency_ms,
        "accuracy": net.test_accuracy,
        "macs": net.macs,
    }


def summary(lines: Sequence[Line]) -> Line:
    """How the two kinds differ."""

    def mean_of(key: str, kind: str, seed: int) -> float:
        return mean(line[key] for line in lines if (line["kind"], line["seed"]) == (kind, seed) and key in line)

    seeds = sorted({line["seed"] for line in lines})
    pairs = [(mean_of("accuracy", "sweep", seed), mean_of("accuracy", "single", seed)) for seed in seeds]
    found = paired_difference(pairs)
    return {
        "seeds": len(seeds),
        "aims": len({(line["asked_ms"], line["device"]) for line in lines if "asked_ms" in line}),
        **({"difference": mean(one - other for one, other in pairs)} if found is None else asdict(found)),
        "times": mean(mean_of("search_s", "sweep", seed) / mean_of("search_s", "single", seed) for seed in seeds),
    }


if __name__ == "__main__":
    main()
