"""Choices under limits, with costs and probabilities that are hard on floating-point numbers; exact answers to some."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import exp, fsum, inf, nextafter
from random import Random

from attrs import frozen

from pnas_latency.choosing.bound import Bound, Choice

Rows = list[list[float]]

COSTS: dict[str, Callable[[Random], float]] = {
    "uniform": Random.random,
    "15 decades": lambda random: 10 ** random.uniform(-9, 6),
    "ulps": lambda random: 0.1 * random.choice([1, 2, 3]) * (1 + random.randrange(-3, 4) * 2**-52),
    "round": lambda random: random.choice([0.1, 0.2, 0.3, 0.7]),
    "zeros": lambda random: random.choice([0.0, 0.0, 0.1, random.random()]),
    "far apart": lambda random: random.choice([1e-9, 1.0, 1e6]),
}
PROBABILITIES: dict[str, Callable[[Random], float]] = {
    "spread": lambda random: exp(random.gauss(0, 2)),
    "tied": lambda random: random.choice([0.5, 0.25, 0.1]),
    "near": lambda random: 0.5 + random.randrange(10) * 1e-7,
    "ulps": lambda random: 0.5 + random.randrange(4) * 2**-53,
}


@frozen(kw_only=True)
class Knapsack:
    """Of each block's candidates one, with bounds on sums; `kind` says what is special."""

    kind: str
    probs: Rows
    bounds: list[Bound]

    def keeps(self, choice: Choice) -> bool:
        return all(bound.holds(choice) for bound in self.bounds)

    def probability(self, choice: Choice) -> Fraction:
        result = Fraction(1)
        for row, i in zip(self.probs, choice, strict=True):
            result *= Fraction(row[i])
        return result


def drawn_knapsack(random: Random, *, blocks: int, candidates: int, limit: str = "any") -> Knapsack:
    """Limited to the cost of some net, an ulp below, or somewhere; in a second metric or from below as `limit` says."""
    cost, prob = random.choice([*COSTS, "probable"]), random.choice([*PROBABILITIES])
    limit = random.choice(["one", "two", "window"]) if limit == "any" else limit

    def rows(draw: Callable[[Random], float]) -> Rows:
        return [[draw(random) for _ in range(candidates)] for _ in range(blocks)]

    def of_some_net(costs: Rows) -> float:
        return fsum(random.choice(row) for row in costs)

    probs = rows(PROBABILITIES[prob])
    costs = [[p * random.uniform(0.99, 1.01) for p in r] for r in probs] if cost == "probable" else rows(COSTS[cost])
    at = of_some_net(costs)
    at = random.choice([at, nextafter(at, -inf), at * (1 + 1e-9), at * random.uniform(0.5, 1)])
    bounds = [Bound(costs=costs, at_most=at)]
    if limit == "window":
        share = random.choice([0.035, 0.01, 0.001])
        bounds.append(Bound(costs=[[-value for value in row] for row in costs], at_most=-at * (1 - share)))
    if limit == "two":
        second = rows(COSTS[random.choice([*COSTS])])
        bounds.append(Bound(costs=second, at_most=of_some_net(second)))
    return Knapsack(kind=f"{cost}, {prob}, {limit}", probs=probs, bounds=bounds)


def largest_probability(probs: Sequence[Sequence[float]], costs: Rows, keeps: Callable[[Fraction], bool]) -> Fraction:
    """Of all choices whose exact sum of costs is kept; 0 where there is none.

    All sums that there are, each with the best way to it, in exact fractions: for costs of few different sums.
    """
    ways = {Fraction(0): Fraction(1)}
    for row, p in zip(costs, probs, strict=True):
        longer: dict[Fraction, Fraction] = {}
        for total, probability in ways.items():
            for cost, share in zip(row, p, strict=True):
                at, product = total + Fraction(cost), probability * Fraction(share)
                if product > longer.get(at, -1):
                    longer[at] = product
        ways = longer
    return max((probability for total, probability in ways.items() if keeps(total)), default=Fraction(0))
