"""Lower bounds on the cost of the rest of a choice, state by state: the Lagrangian, where room has a price.

For any prices of the rooms, the rest of a choice costs no less than the cheapest rest with its room paid for, less the
worth of the rooms that are left. The best prices are found by cutting planes (Kelley, 1960).
"""

from collections.abc import Sequence
from math import inf

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pnas_latency.choosing.layers import Layer
from pnas_latency.choosing.relaxation import MARGIN, Floats

_ROUNDS = 25
_HIGHEST_PRICE = 1e6
_NEAR_ENOUGH = 1e-9
_FACTORS = (0.25, 0.5, 0.7, 0.85, 0.95, 1.05, 1.2, 1.5, 2.0, 4.0)
"""Partial choices that have used more room than most, or less, get tighter bounds from other prices."""


@frozen(eq=False)
class Prices:
    """Some vectors of prices, with the cost of the cheapest way from each state on when they are paid.

    Attributes:
        worth: the price of each room, (prices, rooms).
        to_come: by layer, for each state, (prices, states); the last is for the end.
    """

    worth: Floats
    to_come: Sequence[Floats]

    def at_least(self, layer: int, states: NDArray[np.int64], rooms: Sequence[Floats]) -> Floats:
        """A lower bound on the cost from a layer on, at these states, with these shares of the rooms left."""
        left = np.array(rooms).reshape(len(rooms), len(states))
        rest = self.to_come[layer][:, states]
        slack = MARGIN * (1 + rest + self.worth.sum(1)[:, None])
        return np.asarray(np.max(rest - self.worth @ left - slack, axis=0))


def prices_of(layers: Sequence[Layer]) -> Prices:
    """The prices that bound the choices of these layers best, and others near them; zero prices without rooms."""
    rooms = len(layers[0].shares) - 1
    if not rooms:
        return Prices(np.zeros((1, 0)), _to_come(layers, np.zeros((1, 0))))
    best = _best_prices(layers, rooms)
    tried = [np.zeros(rooms), best]
    for factor in _FACTORS:
        tried.append(best * factor)
        if rooms > 1:
            tried += [np.where(np.arange(rooms) == room, best * factor, best) for room in range(rooms)]
    worth = np.array(tried)
    return Prices(worth, _to_come(layers, worth))


def _best_prices(layers: Sequence[Layer], rooms: int) -> Floats:
    """The prices of the largest bound on all choices."""
    from scipy.optimize import linprog

    prices, cuts = np.zeros(rooms), []
    best, largest = prices, -inf
    for _ in range(_ROUNDS):
        cost, needs = _cheapest_way(layers, prices)
        cuts.append((cost, needs))
        bound = cost + float(prices @ (needs - 1.0))
        if bound > largest:
            best, largest = prices, bound
        # The largest t with t <= cost + prices * (needs - 1) for each known way.
        result = linprog(
            [-1.0, *[0.0] * rooms],
            A_ub=[[1.0, *(1.0 - needs)] for _, needs in cuts],
            b_ub=[cost for cost, _ in cuts],
            bounds=[(None, None), *[(0.0, _HIGHEST_PRICE)] * rooms],
        )
        if result.status != 0 or -result.fun <= largest + _NEAR_ENOUGH:
            break
        prices = result.x[1:]
    return best


def _cheapest_way(layers: Sequence[Layer], prices: Floats) -> tuple[float, Floats]:
    """For the choice that is cheapest at these prices: its cost without them, and what it needs of each room."""
    to_come = _to_come(layers, prices[None])
    state, cost, needs = 0, 0.0, np.zeros(len(prices))
    for index, layer in enumerate(layers):
        here = slice(state * layer.options, (state + 1) * layer.options)
        own = _paid(layer, prices[None])[0, here] + to_come[index + 1][0, layer.after[here]]
        arc = here.start + int(np.argmin(own))
        cost += layer.shares[0][arc]
        needs += [share[arc] for share in layer.shares[1:]]
        state = int(layer.after[arc])
    return cost, needs


def _to_come(layers: Sequence[Layer], worth: Floats) -> list[Floats]:
    found = [np.zeros((len(worth), 1))]
    for layer in reversed(layers):
        ways = _paid(layer, worth) + found[0][:, layer.after]
        found.insert(0, ways.reshape(len(worth), -1, layer.options).min(2))
    return found


def _paid(layer: Layer, worth: Floats) -> Floats:
    own, *needs = layer.shares
    return np.asarray(own + worth @ np.array(needs).reshape(len(needs), len(own)))
