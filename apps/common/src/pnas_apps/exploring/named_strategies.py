"""Strategies by their names on a command line."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pnas_apps.ground.errors import UserError

if TYPE_CHECKING:
    from pnas_ops import FeasibleNets, Strategy

STRATEGIES: Mapping[str, str] = {
    "random": "random nets",
    "grid": "all nets in order",
    "evolution": "regularized evolution",
    "local": "local search: from net to better neighbour",
    "predictor": "evolution guided by a predictor",
    "tpe": "Bayesian search (Optuna)",
    "nsga2": "multi-objective evolution (Optuna)",
    "reinforce": "a recurrent controller",
}
"""Those that need no supernet, each in a few words."""

SUPERNET_STRATEGIES: Mapping[str, str] = {
    "gates": "the nets that a supernet's gates prefer",
    "darts": "the same, from a mixture of all candidates",
    "one-shot": "random nets, ranked with a supernet's weights",
}
"""Those that train a supernet when they are first asked; `supernet_strategies` makes them."""

RANDOM_AT_FIRST: Mapping[str, int] = {"evolution": 10, "tpe": 10, "nsga2": 20}
"""The number of nets that a strategy draws at random before it has anything to learn from."""

_OF_SEVERAL_AIMS = ("random", "grid", "tpe", "nsga2")


def make_strategy(name: str, nets: "FeasibleNets", *, costs: int = 0, seed: int = 0) -> "Strategy":
    """A new strategy, which knows no trial.

    Args:
        name: one of `STRATEGIES`.
        nets: the nets that it may propose, see `pnas_latency.feasible_nets`.
        costs: how many costs each trial has beside its value.
        seed: of what does not come from the generator that it is asked with.

    Raises:
        UserError: for another name, and for costs that the strategy would not look at.
    """
    check_strategy(name, costs=costs)
    return _makers(costs, seed)[name](nets)


def check_strategy(name: str, *, costs: int) -> None:
    """Raises a UserError for another name, and for costs that the strategy would not look at."""
    known = (*STRATEGIES, *SUPERNET_STRATEGIES)
    if name not in known:
        raise UserError(f"there is no strategy {name!r}: name one of {', '.join(known)}")
    if costs and name not in _OF_SEVERAL_AIMS:
        raise UserError(f"strategy {name} takes one aim only: for several, use {' or '.join(_OF_SEVERAL_AIMS[2:])}")


def _makers(costs: int, seed: int) -> "Mapping[str, Callable[[FeasibleNets], Strategy]]":
    from pnas_apps.exploring.optuna_strategies import nsga2, tpe
    from pnas_latency import ReinforceSearch
    from pnas_ops import GridSearch, LocalSearch, PredictorSearch, RandomSearch, RegularizedEvolution

    return {
        "random": lambda nets: RandomSearch(nets=nets),
        "grid": lambda nets: GridSearch(nets=nets),
        "evolution": lambda nets: RegularizedEvolution(nets=nets, population=RANDOM_AT_FIRST["evolution"]),
        "local": lambda nets: LocalSearch(nets=nets),
        "predictor": lambda nets: PredictorSearch(nets=nets, seed=seed),
        "tpe": lambda nets: tpe(nets, costs=costs),
        "nsga2": lambda nets: nsga2(nets, costs=costs),
        "reinforce": lambda nets: ReinforceSearch(nets=nets, seed=seed),
    }
