"""How what a search knows orders nets of CIFAR-10's space that were trained anew.

    uv run python tests/benchmarks/rank_trained_nets.py --data-dir CIFAR10 OUT --budget-ms 0.2 --seed 0

The nets, and their accuracies on all test images, are those that `cifar10_result.py` has left in docs/results. Prints a
line of JSON for each budget and seed: the rank correlations (Spearman) of the nets' accuracies with their MACs, with
NASWOT and synflow, and with what the supernet of that search says: the probability that its gates give a net
(`probable`), the accuracy with its weights (`inherited`), and a linear fit of that of so many other random nets
(`fit`; `pnas_latency.fitted_probs`). OUT keeps the searches and what their nets got: what is there is not done again.
Nets of people are left out, since they are not of the space.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import torch
from attrs import evolve

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.cifar10_result import RESULTS, SEARCHED, Bench, Line, Place, Settings, read_lines, task_of
from pnas_apps.cli.option_types import whole
from pnas_apps.ground.cache import find_cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import reporter_on_stdout
from pnas_apps.steps.choice_by_weights import random_nets
from pnas_apps.steps.search import search
from pnas_apps.steps.table import TableChoice, find_table
from pnas_latency import MACS, fitted_probs, narrowed_limits
from pnas_ops import Choices, PnasError, naswot_judge, rank_correlation, synflow_judge
from pnas_supernet import mixed_ops


def ranks(bench: Bench, place: Place, nets: list[Line], judged: int) -> Iterator[tuple[str, float | None]]:
    """What each says of nets, as a rank correlation with their accuracies.

    Args:
        bench: with which the search is found.
        place: of the search.
        nets: of its budget.
        judged: number of random nets that the fit is of.
    """
    run = bench.run(place)
    run.folder.path.mkdir(parents=True, exist_ok=True)
    searched = search(run, find_table(run, TableChoice(path=bench.table_file, foreign=True)))
    assert searched.supernet is not None
    space, limits = run.task.space, run.budget.limits(bench.table)
    known = {tuple(net.choices or ()): net.accuracy for net in nets}
    images, _ = next(iter(run.shuffled_batches(run.task.train, "naswot")))

    def rank(values: list[float]) -> float | None:
        found = rank_correlation(values, [*known.values()])
        return None if found is None else round(found, 2)

    def of_probs(probs: Sequence[torch.Tensor], choices: Choices) -> float:
        return sum(float(row[option].log()) for row, option in zip(probs, choices, strict=True))

    yield "macs", rank([MACS.of(space.architecture(choices)) for choices in known])
    for name, judge in (("naswot", naswot_judge(images)), ("synflow", synflow_judge())):
        yield name, rank([judge.judge(space.architecture(net), run.generator("judge", *net)).value for net in known])
    probs = space.of_choices([op.probs.detach().to("cpu", torch.float64) for op in mixed_ops(searched.supernet)])
    yield "probable", rank([of_probs(probs, choices) for choices in known])
    others = evolve(random_nets(run, searched.supernet), count=judged)
    yield "inherited", rank([others.value(choices) for choices in known])
    trials = others.trials(narrowed_limits(probs, space, limits), lambda left: map(others.value, left))
    fitted = fitted_probs(space.options, trials)
    yield "fit", rank([of_probs(fitted, choices) for choices in known])


@click.command(help=__doc__)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--data-dir", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--budget-ms", "budgets", type=float, multiple=True, default=(0.2, 0.4, 0.8), show_default=True)
@click.option("--seed", "seeds", type=int, multiple=True, default=(0,), show_default=True)
@click.option("--judged-nets", type=whole(2, 100_000), default=100, show_default=True)
def main(out: Path, data_dir: Path, budgets: tuple[float, ...], seeds: tuple[int, ...], judged_nets: int) -> None:
    torch.set_num_threads(1)
    lines = [line for line in read_lines(RESULTS / "cifar10.jsonl", None, print) if line.choices is not None]
    settings: Settings = lines[0].settings
    with reporter_on_stdout() as reporter:
        bench = Bench(
            task=task_of(data_dir, settings, reporter),
            settings=settings,
            table_file=RESULTS / "cifar10-table.json",
            out=out.with_suffix(".jsonl"),
            cache=find_cache(None),
            reporter=reporter,
        )
        for place in (Place(budget_ms=budget, seed=seed, net=SEARCHED) for budget in budgets for seed in seeds):
            nets = [line for line in lines if line.budget_ms == place.budget_ms]
            if not nets:
                raise UserError(f"there are no nets for {place.budget_ms:g} ms: name another --budget-ms")
            found = dict(ranks(bench, place, nets, judged_nets))
            told = {"budget_ms": place.budget_ms, "seed": place.seed, "nets": len(nets), "judged": judged_nets}
            print(json.dumps(told | found), flush=True)


if __name__ == "__main__":
    try:
        main()
    except (UserError, PnasError) as error:
        raise SystemExit(str(error)) from None
