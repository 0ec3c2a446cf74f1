"""What several searches of NAS-Bench-MACRO by gates find together, and what each finds alone.

    uv run python tests/benchmarks/pool_searches.py LINES --table FILE --searches 3

LINES is the `--out` of `gates_on_macro.py`, FILE the table of that benchmark. Of the searches there that differ in
nothing but their seeds, it pools the probabilities of every so many (`pnas_latency.pooled_probs`), takes the most
probable net that makes use of the limit, and looks the answer up. Prints a line of JSON for each limit: the regret of
each search alone and of each pool, in per cent, and their medians. Pools of few searches have searches in common, and
are no independent trials.
"""

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import click
import torch
from torch import Tensor

from pnas_latency import MACS, Limit, most_probable_near_limit, pooled_probs
from pnas_ops import AccuracyTable, SearchSpace, nas_bench_macro_space, read_nas_bench_macro

_LEAST = 5e-5
"""What a probability may have been that is 0.0 in a line."""


def regret(probs: Sequence[Tensor], space: SearchSpace, table: AccuracyTable, max_macs: float | None) -> float:
    """How far the net that is chosen by probabilities is below the best one within the limit, in per cent."""
    limits = [] if max_macs is None else [Limit(metric=MACS, at_most=max_macs)]
    net = next(most_probable_near_limit(probs, space, limits))
    best = max(one.accuracy for one in table.nets.values() if max_macs is None or one.macs <= max_macs)
    return round(100 * (best - table.nets[space.choices(net)].accuracy), 3)


def probs_of(line: dict[str, Any]) -> list[Tensor]:
    """Of each choice the probabilities of its options."""
    return [torch.tensor(row, dtype=torch.float64).clamp(min=_LEAST) for row in line["probs"]]


@click.command(help=__doc__)
@click.argument("lines", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--table", "table_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--searches", type=click.IntRange(2, 20), default=3, show_default=True, help="In a pool.")
def main(lines: Path, table_file: Path, searches: int) -> None:
    space, table = nas_bench_macro_space(), read_nas_bench_macro(table_file)
    alike: dict[str, dict[int, list[Tensor]]] = {}
    for line in map(json.loads, lines.read_text(encoding="utf-8").splitlines()):
        key = json.dumps({name: line[name] for name in ("strategy", "max_macs", "share", "options")})
        alike.setdefault(key, {})[line["seed"]] = probs_of(line)
    for key, found in alike.items():
        asked = json.loads(key)
        alone = [regret(probs, space, table, asked["max_macs"]) for probs in found.values()]
        pools = [pooled_probs(pool) for pool in combinations(found.values(), searches)]
        pooled = [regret(probs, space, table, asked["max_macs"]) for probs in pools]
        print(
            json.dumps(
                asked
                | {"searches": searches, "alone": sorted(alone), "median_alone": median(alone)}
                | {"pooled": sorted(pooled), "median_pooled": median(pooled) if pooled else None}
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
