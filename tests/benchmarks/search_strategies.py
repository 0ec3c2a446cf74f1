"""How near to the best net of NAS-Bench-MACRO each strategy comes that needs no supernet, with and without a limit.

    python tests/benchmarks/search_strategies.py --table nas_bench_macro_cifar10.csv --seeds 20

Prints a line of JSON for each strategy, limit and number of evaluations: the median and the quartiles, over the seeds,
of the regret in percentage points: the table's best mean accuracy of all nets within the limit, less that of the best
net that the strategy has asked for. An evaluation is a training of 50 epochs that the table has done already.

    python tests/benchmarks/search_strategies.py --table nas_bench_macro_cifar10.csv --proxies 300 --data-dir CIFAR10

prints instead how well proxies that need no training order so many random nets: a line for each, with its rank
correlation (Spearman) with the table's accuracies. NASWOT looks at the same training images for all nets.
"""

import json
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import click
import torch
from attrs import frozen

from pnas_apps.exploring.named_strategies import STRATEGIES, make_strategy
from pnas_apps.ground.progress import Reporter, SafeConsole
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.images.batches import ImageBatches
from pnas_apps.images.image_set import measure_preprocessing
from pnas_cifar10.datasets import read_images
from pnas_latency import MACS, Limit, feasible_nets
from pnas_ops import (
    Architecture,
    Choices,
    FeasibleNets,
    Judge,
    Trial,
    nas_bench_macro_space,
    naswot_judge,
    rank_correlation,
    read_nas_bench_macro,
    synflow_judge,
)

CPU = torch.device("cpu")
LIMITS = (None, 40e6, 60e6, 80e6)


@frozen(kw_only=True)
class Field:
    """What is searched.

    Attributes:
        nets: that may be asked for.
        accuracies: of all of the space, in per cent.
        best: of those that may be asked for.
    """

    nets: FeasibleNets
    accuracies: Mapping[Choices, float]
    best: float


@cache
def field(table: Path, limit: float | None) -> Field:
    """The table's nets within so many MACs."""
    limits = [] if limit is None else [Limit(metric=MACS, at_most=limit)]
    nets = feasible_nets(nas_bench_macro_space(), limits)
    accuracies = {choices: 100 * net.accuracy for choices, net in read_nas_bench_macro(table).nets.items()}
    return Field(nets=nets, accuracies=accuracies, best=max(accuracies[choices] for choices in nets.every()))


def regrets(table: Path, counts: Sequence[int], search: tuple[float | None, str, int]) -> list[float]:
    """Of one search (its limit, strategy and seed), after each number of evaluations."""
    torch.set_num_threads(1)
    limit, name, seed = search
    searched = field(table, limit)
    strategy = make_strategy(name, searched.nets, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    found: dict[Choices, float] = {}
    for _ in range(max(counts)):
        choices = strategy.ask(generator, taken=found.keys())
        if choices is None:
            break
        found[choices] = searched.accuracies[choices]
        strategy.tell(Trial(choices=choices, value=found[choices] / 100))
    values = list(found.values())
    return [searched.best - max(values[:count]) for count in counts]


def line(name: str, limit: float | None, count: int, found: Sequence[float]) -> dict[str, object]:
    """What is printed of the searches of one kind."""
    low, median, high = statistics.quantiles(found, n=4, method="inclusive")
    return {
        "strategy": name,
        "max_macs": limit,
        "evaluations": count,
        "regret_median": round(median, 3),
        "regret_quartiles": [round(low, 3), round(high, 3)],
        "seeds": len(found),
    }


def proxies(table: Path, data_dir: Path, count: int, images: int, reporter: Reporter) -> Iterator[dict[str, object]]:
    """A line for each proxy, of as many random nets without repetition.

    Args:
        table: of true accuracies.
        data_dir: what the program's --data-dir takes.
        count: of nets.
        images: that NASWOT looks at.
        reporter: shows progress.
    """
    searched = field(table, None)
    draws, drawn = seeded_generator(0, "nets"), dict[Choices, Architecture]()
    while len(drawn) < count:
        choices = searched.nets.sample(draws, taken=drawn.keys())
        if choices is None:
            break
        drawn[choices] = nas_bench_macro_space().architecture(choices)
    train, _ = read_images(data_dir, resolution=32, download=False, reporter=reporter)
    shuffled = ImageBatches(
        train, measure_preprocessing(train), batch_size=images, generator=seeded_generator(0, "images"), device=CPU
    )
    batch, _ = next(iter(shuffled))
    judges: Mapping[str, Judge] = {"naswot": naswot_judge(batch), "synflow": synflow_judge()}
    truth = [searched.accuracies[choices] for choices in drawn]

    def told(name: str, values: Sequence[float]) -> dict[str, object]:
        rank = rank_correlation(values, truth)
        return {"proxy": name, "nets": len(truth), "rank": None if rank is None else round(rank, 3)}

    yield told("macs", [MACS.of(net) for net in drawn.values()])
    for name, judge in judges.items():
        nets = reporter.counted(name, drawn.items(), len(drawn))
        values = [judge.judge(net, seeded_generator(0, "judge", *choices)).value for choices, net in nets]
        yield told(name, values) | ({"images": len(batch)} if name == "naswot" else {})


@click.command(help=__doc__)
@click.option("--table", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True)
@click.option("--seeds", type=click.IntRange(min=2), default=20, show_default=True)
@click.option("--evaluations", default="10,50,200", show_default=True, help="Numbers of nets.")
@click.option("--max-macs", type=float, multiple=True, help="These limits alone; else none, and 40, 60, 80 million.")
@click.option("--strategy", "names", multiple=True, type=click.Choice([*STRATEGIES]), help="These alone.")
@click.option("--proxies", "proxied", type=click.IntRange(min=2), help="Random nets that proxies are to order.")
@click.option("--data-dir", type=click.Path(path_type=Path, exists=True), help="CIFAR-10, for --proxies.")
@click.option("--images", type=click.IntRange(min=2), default=32, show_default=True, help="That NASWOT looks at.")
@click.option("--processes", type=click.IntRange(min=1), default=os.cpu_count(), show_default=True)
def main(
    table: Path,
    seeds: int,
    evaluations: str,
    max_macs: tuple[float, ...],
    names: tuple[str, ...],
    proxied: int | None,
    data_dir: Path | None,
    images: int,
    processes: int,
) -> None:
    reporter = Reporter(SafeConsole(stderr=True))
    if proxied is not None:
        if data_dir is None:
            raise click.UsageError("--proxies needs images: name them with --data-dir")
        torch.set_num_threads(1)
        for one in proxies(table, data_dir, proxied, images, reporter):
            print(json.dumps(one), flush=True)
        return
    counts = [int(count) for count in evaluations.split(",")]
    kinds = list(product(max_macs or LIMITS, names or STRATEGIES))
    searches = [(limit, name, seed) for limit, name in kinds for seed in range(seeds)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        done = reporter.counted("searches", pool.map(partial(regrets, table, counts), searches), len(searches))
        for limit, name in kinds:
            runs = [next(done) for _ in range(seeds)]
            for count, found in zip(counts, zip(*runs, strict=True), strict=True):
                print(json.dumps(line(name, limit, count, found)), flush=True)


if __name__ == "__main__":
    main()
