"""How long does the exact choice within limits take, and is it always proven?

Thirty blocks of seven candidates, with costs and probabilities that are tied, an ulp apart, zero, over fifteen decades
or nearly each other, under one limit, a second one, a window; then round costs that a mixed-integer program with cuts
did not come to an end with, and all 648 edges of the CIFAR-10 trees. Run with
`uv run python tests/benchmarks/choose_exactly.py`.
"""

import sys
import time
from pathlib import Path
from random import Random
from statistics import median, quantiles

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from knapsacks import Knapsack, drawn_knapsack
from pnas_latency.choosing.bound import Bound
from pnas_latency.choosing.knapsack import Solution, least_choice
from pnas_latency.choosing.weighed import unlikelihood


@click.command()
@click.option("--count", default=1000, show_default=True, help="Drawn cases of each kind of limit.")
def main(count: int) -> None:
    """Prints seconds of processor time, which other programs on the machine do not change much."""
    _timed(drawn_knapsack(Random(0), blocks=30, candidates=7, limit="two"))  # imports SciPy
    for limit in ("one", "two", "window"):
        cases = [_timed(drawn_knapsack(Random(seed), blocks=30, candidates=7, limit=limit)) for seed in range(count)]
        seconds = [taken for taken, _ in cases]
        unproven = sum(solution.better_by > 0 for _, solution in cases)
        cuts = quantiles(seconds, n=1000)
        print(
            f"{limit}: median {median(seconds):.3f} s, 99% below {cuts[989]:.3f} s, largest {max(seconds):.3f} s; "
            f"{sum(taken > 1 for taken in seconds)} above 1 s and {unproven} unproven of {count}"
        )
    for name, knapsack in _named():
        taken, solution = _timed(knapsack)
        found = "no choice" if solution.choice is None else "a choice"
        print(f"{name}: {found} in {taken:.3f} s, {'proven' if solution.better_by == 0 else 'unproven'}")


def _timed(knapsack: Knapsack) -> tuple[float, Solution]:
    began = time.process_time()
    solution = least_choice([[unlikelihood(p) for p in row] for row in knapsack.probs], knapsack.bounds)
    return time.process_time() - began, solution


def _named() -> list[tuple[str, Knapsack]]:
    random = Random(0)
    few = [[random.random() + (i == 6) for i in range(7)] for _ in range(21)]
    slow = [[0.1 * (i == 6) for i in range(7)] for _ in range(21)]
    many = [[random.random() for _ in range(7)] for _ in range(30)]
    apart = [[random.choice([1e-9, 1.0, 1e6]) for _ in range(7)] for _ in range(30)]
    window = [
        Bound(costs=apart, at_most=4000002.70),
        Bound(costs=[[-cost for cost in row] for row in apart], at_most=-4000002.65),
    ]
    edges = [[random.random() for _ in range(7)] for _ in range(648)]
    times = [[random.random() for _ in range(7)] for _ in range(648)]
    return [
        ("21 blocks, 0.1 ms or nothing, 0.3 ms", Knapsack(kind="", probs=few, bounds=[Bound(costs=slow, at_most=0.3)])),
        ("1e-9, 1 or 1e6, from 4000002.65 to 4000002.70", Knapsack(kind="", probs=many, bounds=window)),
        ("648 edges", Knapsack(kind="", probs=edges, bounds=[Bound(costs=times, at_most=150.0)])),
        (
            "648 edges, from 144.75 to 150",
            Knapsack(
                kind="",
                probs=edges,
                bounds=[
                    Bound(costs=times, at_most=150.0),
                    Bound(costs=[[-cost for cost in row] for row in times], at_most=-144.75),
                ],
            ),
        ),
    ]


if __name__ == "__main__":
    main()
