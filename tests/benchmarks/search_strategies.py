"""How near to the best net of NAS-Bench-MACRO each strategy comes that needs no supernet, with and without a limit.

    python tests/benchmarks/search_strategies.py --table nas_bench_macro_cifar10.csv --seeds 20

Prints a line of JSON for each strategy, limit and number of evaluations: the median and the quartiles, over the seeds,
of the regret in percentage points: the table's best mean accuracy of all nets within the limit, less that of the best
net that the strategy has asked for. An evaluation is a training of 50 epochs that the table has done already. The first
line of a limit says what a regret is worth: that of training every net once and taking the best, in each of the table's
three trainings. It errs by the noise of one training, and by less than that, since the mean has this training in it.

    python tests/benchmarks/search_strategies.py --table nas_bench_macro_cifar10.csv --proxies 300 --data-dir CIFAR10

prints instead how well proxies that need no training order so many random nets: a line for each, with its rank
correlation (Spearman) with the table's accuracies, over all of them and over nets of like MACs: of each band of ten
million that has 20 nets. NASWOT looks at the same training images for all nets. With `--out
FILE.jsonl` there is a line of each net's value, too, as soon as it is known; what stands there is not computed again.
"""

import hashlib
import json
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import torch
from attrs import frozen

from pnas_apps.cli.option_types import COUNT, whole
from pnas_apps.exploring.named_strategies import STRATEGIES, make_strategy
from pnas_apps.ground.console import SafeConsole
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
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
    PnasError,
    Trial,
    nas_bench_macro_space,
    naswot_judge,
    rank_correlation,
    read_nas_bench_macro,
    synflow_judge,
)

CPU = torch.device("cpu")
LIMITS = (None, 40e6, 60e6, 80e6)
BAND = 10_000_000
"""MACs: nets of one band are nearly as large."""


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
    """The table's nets within so many MACs.

    Raises:
        UserError, PnasError: for a table that is none, or lacks nets, and a limit that no net is within.
    """
    limits, space = [] if limit is None else [Limit(metric=MACS, at_most=limit)], nas_bench_macro_space()
    nets, known = feasible_nets(space, limits), read_nas_bench_macro(table)
    if (count := known.known(space)) < space.size():
        raise UserError(f"{table} has {count:,} of the {space.size():,} nets: take the file as it was published")
    accuracies = {choices: 100 * net.accuracy for choices, net in known.nets.items()}
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


def every_net(table: Path, limit: float | None) -> dict[str, object]:
    """The line of training every net once, as often as the table has it."""
    searched, known, nets = field(table, limit), read_nas_bench_macro(table), [*field(table, limit).nets.every()]
    trainings = zip(*(known.nets[choices].accuracies for choices in nets), strict=True)
    taken = [nets[values.index(max(values))] for values in trainings]
    return line("every net, once", limit, len(nets), [searched.best - searched.accuracies[net] for net in taken])


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


def proxies(
    table: Path, data_dir: Path, count: int, images: int, out: Path | None, reporter: Reporter
) -> Iterator[dict[str, object]]:
    """A line for each proxy, of as many random nets without repetition.

    Args:
        table: of true accuracies.
        data_dir: what the program's --data-dir takes.
        count: of nets.
        images: that NASWOT looks at.
        out: file of the nets' values; None for none.
        reporter: shows progress.
    """
    searched, known = field(table, None), [] if out is None else read_lines(out)
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
    of_naswot = {"images": len(batch), "batch": hashlib.sha256(batch.numpy().tobytes()).hexdigest()[:8]}
    judges: list[tuple[str, Judge, dict[str, object]]] = [
        ("naswot", naswot_judge(batch), of_naswot),
        ("synflow", synflow_judge(), {}),
    ]
    truth, macs = [searched.accuracies[choices] for choices in drawn], [MACS.of(net) for net in drawn.values()]
    of_bands = [count // BAND for count in macs]
    bands = {band: [place for place, own in enumerate(of_bands) if own == band] for band in sorted({*of_bands})}

    def ranked(values: Sequence[float], taken: Sequence[int]) -> float | None:
        rank = rank_correlation([values[place] for place in taken], [truth[place] for place in taken])
        return None if rank is None else round(rank, 3)

    def told(name: str, values: Sequence[float]) -> dict[str, object]:
        in_bands = {f"{band * BAND:g}": ranked(values, taken) for band, taken in bands.items() if len(taken) >= 20}
        rank = ranked(values, range(len(truth)))
        return {"proxy": name, "nets": len(truth), "rank": rank, "rank_from_macs": in_bands}

    yield told("macs", macs)
    for name, judge, looked_at in judges:
        values = []
        for choices, net in reporter.counted(name, drawn.items(), len(drawn), "nets"):
            place = {"proxy": name, "net": "".join(map(str, choices))} | looked_at
            value = next((line["value"] for line in known if place.items() <= line.items()), None)
            if value is None:
                value = judge.judge(net, seeded_generator(0, "judge", *choices)).value
                if out is not None:
                    with out.open("a") as file:
                        file.write(json.dumps(place | {"value": value}) + "\n")
            values.append(value)
        yield told(name, values) | looked_at


def read_lines(out: Path) -> list[dict[str, Any]]:
    """The lines of a file, where there is one.

    Raises:
        UserError: naming a line that is none, as a kill may leave the last.
    """
    lines = []
    for number, text in enumerate(out.read_text().splitlines() if out.exists() else (), start=1):
        try:
            lines.append({"value": None} | json.loads(text))
        except (TypeError, ValueError):
            raise UserError(f"{out}, line {number} is no line of JSON: delete it") from None
    return lines


@click.command(help=__doc__)
@click.option("--table", type=click.Path(path_type=Path), required=True)
@click.option("--seeds", type=whole(2, 1_000_000), default=20, show_default=True)
@click.option("--evaluations", default="10,50,200", show_default=True, help="Numbers of nets.")
@click.option("--max-macs", type=COUNT, multiple=True, help="These limits alone; else none, and 40, 60, 80 million.")
@click.option("--strategy", "names", multiple=True, type=click.Choice([*STRATEGIES]), help="These alone.")
@click.option("--proxies", "proxied", type=whole(2, 6561), help="Random nets that proxies are to order.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="CIFAR-10, for --proxies.")
@click.option("--images", type=whole(2, 10_000), default=32, show_default=True, help="That NASWOT looks at.")
@click.option("--out", type=click.Path(path_type=Path), help="File of lines, for --proxies.")
@click.option("--processes", type=whole(1, 1024), default=os.cpu_count(), show_default=True)
def main(
    table: Path,
    seeds: int,
    evaluations: str,
    max_macs: tuple[float, ...],
    names: tuple[str, ...],
    proxied: int | None,
    data_dir: Path | None,
    images: int,
    out: Path | None,
    processes: int,
) -> None:
    reporter = Reporter(SafeConsole(stderr=True))
    if proxied is not None:
        if data_dir is None:
            raise UserError("--proxies needs images: name them with --data-dir")
        torch.set_num_threads(1)
        for one in proxies(table, data_dir, proxied, images, out, reporter):
            print(json.dumps(one), flush=True)
        return
    if data_dir is not None or out is not None:
        raise UserError("--data-dir and --out are for --proxies: leave them out")
    counts = [int(whole(1, 6561).read(count, "--evaluations")) for count in evaluations.split(",")]
    limits = max_macs or LIMITS
    for limit in limits:
        # What is wrong is told here, before others are started.
        print(json.dumps(every_net(table, limit)), flush=True)
    kinds = list(product(limits, names or STRATEGIES))
    searches = [(limit, name, seed) for limit, name in kinds for seed in range(seeds)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        done = reporter.counted(
            "searches", pool.map(partial(regrets, table, counts), searches), len(searches), "searches"
        )
        for limit, name in kinds:
            runs = [next(done) for _ in range(seeds)]
            for count, found in zip(counts, zip(*runs, strict=True), strict=True):
                print(json.dumps(line(name, limit, count, found)), flush=True)


if __name__ == "__main__":
    try:
        main()
    except (UserError, PnasError, OSError) as error:
        raise SystemExit(str(error)) from None
