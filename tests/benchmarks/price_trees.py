"""What predicts a net of trees: the sum over its edges, or that over its whole blocks?

Random nets of a small space are timed among the operations of its edges, its blocks without operations, and the nets'
own blocks as wholes. Run with `uv run python tests/benchmarks/price_trees.py` on an idle machine.
"""

import statistics
from pathlib import Path

import click

from pnas_export import TFLiteDevice
from pnas_latency import (
    MACS,
    LatencyTable,
    NetEntry,
    TableEntry,
    compare_predictions,
    fit_calibration,
    validation_nets,
)
from pnas_ops import Architecture, Workload, cifar_tree_space, workloads


@click.command()
@click.option("--nets", "count", default=8, show_default=True)
@click.option("--blocks-per-stage", default=2, show_default=True)
@click.option("--width-mult", default=0.5, show_default=True)
@click.option("--cache", type=click.Path(path_type=Path), help="Keeps what was converted.")
def main(count: int, blocks_per_stage: int, width_mult: float, cache: Path | None) -> None:
    """Measures all at once, and prints both predictions beside every net."""
    space = cifar_tree_space(width_mult, blocks_per_stage=blocks_per_stage)
    drawn = validation_nets(space, cost=MACS, fit=0, held_out=count)
    nets = [net.architecture for net in drawn if isinstance(net.architecture, Architecture)]
    # A whole block stands where it would in a net: behind the block before.
    wholes = [list(dict.fromkeys(column)) for column in zip(*(_blocks(net) for net in nets), strict=True)]
    rows = []
    for row in workloads(space):
        if row[0].block in space.blocks:
            rows.append(wholes[space.blocks.index(row[0].block)])
        rows.append([w for w in row if not w.block.computes_nothing])
    device = TFLiteDevice(cache=cache)
    measured = dict(device.measure(rows, nets=nets, progress=_progress))
    entries = [TableEntry(workload=w, measurement=measured[w]) for w in dict.fromkeys(w for row in rows for w in row)]
    in_wholes = {w for column in wholes for w in column}
    tables = {
        "edges": [e for e in entries if e.workload not in in_wholes],
        "whole blocks": [e for e in entries if e.workload in in_wholes or e.workload.block not in space.blocks],
    }
    predicted = {
        name: [LatencyTable(device=device.info, measured_on="2025-01-01", entries=tuple(t)).predict_ms(n) for n in nets]
        for name, t in tables.items()
    }
    found = [NetEntry(architecture=net, measurement=measured[net], held_out=True).total_ms for net in nets]
    noise = statistics.median(measured[net].drift for net in nets)
    print(f"{space.name}: {len(rows)} rows, {len(entries)} workloads")
    print(f"{'net':10} {'MACs, M':>8} {'measured':>9} {'edges':>9} {'blocks':>9}")
    for number, net in enumerate(nets):
        numbers = (found[number], predicted["edges"][number], predicted["whole blocks"][number])
        print(f"{net.name:10} {MACS.of(net) / 1e6:8.1f} " + " ".join(f"{value:9.4f}" for value in numbers))
    for name, values in predicted.items():
        print(f"{name}: {compare_predictions(values, found, noise_floor=noise)}")
        print(
            f"  calibrated by the others: {compare_predictions(_calibrated(values, found), found, noise_floor=noise)}"
        )


def _calibrated(predicted: list[float], measured: list[float]) -> list[float]:
    """Each prediction corrected by what all other nets say."""
    corrected = []
    for index, value in enumerate(predicted):
        found = fit_calibration(*([*row[:index], *row[index + 1 :]] for row in (predicted, measured)))
        corrected.append(found.scale * value + found.offset_ms)
    return corrected


def _blocks(net: Architecture) -> list[Workload]:
    return [row[0] for row in workloads(net)[1:-1]]


def _progress(what: str, done: int, total: int) -> None:
    if done in (0, total):
        print(f"  {what} {done}/{total}", flush=True)


if __name__ == "__main__":
    main()
