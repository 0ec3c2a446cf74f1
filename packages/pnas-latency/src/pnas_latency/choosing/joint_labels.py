"""Partial choices, state by state: `labels` for choices that decide costs together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pnas_latency.choosing.dominance import undominated
from pnas_latency.choosing.labels import Found, traced_back
from pnas_latency.choosing.layers import Layer
from pnas_latency.choosing.prices import Prices
from pnas_latency.choosing.relaxation import Floats, widened_by_rounding
from pnas_latency.choosing.wide import difference, lesser, limbs_of, ranks, shares, widened

States = NDArray[np.int64]


def search_layers(layers: Sequence[Layer], rooms: Sequence[int], prices: Prices, width: int) -> Found:
    """The best choice, a layer for each option; exact as long as no more than `width` partial choices are promising.

    A partial choice is a label: its state, and the rooms that it leaves above the least that is to come. It is dropped
    if it exceeds a room, if prices show that it leads to nothing, or if another label of its state leaves at least as
    much of every room. Of more than `width` labels, the least promising are given up.
    """
    states = np.zeros(1, np.int64)
    left = [widened([room], limbs_of(room + 1)) for room in rooms]
    trail: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    lost: float | None = None
    labels = 0
    for index, layer in enumerate(layers):
        before = len(states)
        arcs = (states[None, :] * layer.options + np.arange(layer.options)[:, None]).ravel()
        left = [
            difference(np.tile(room, layer.options), costs[:, arcs])
            for room, costs in zip(left, layer.costs, strict=True)
        ]
        labels += len(arcs)
        kept = np.flatnonzero(np.all([room[-1] >= 0 for room in left], 0))
        states = layer.after[arcs[kept]]
        left = [room[:, kept] for room in left]
        # Room beyond what any remainder of a choice can fill does not count, so that labels become equal.
        left[1:] = [lesser(room, most[:, states]) for room, most in zip(left[1:], layer.fillable[1:], strict=True)]
        hope = _hope(
            [shares(room, max(whole, 1)) for room, whole in zip(left, rooms, strict=True)], prices, index + 1, states
        )
        hopeful = np.flatnonzero(hope >= 0)
        hopeful = hopeful[_undominated([-ranks(room[:, hopeful]) for room in left], states[hopeful])]
        if len(hopeful) > width:
            hopeful = hopeful[np.argsort(-hope[hopeful], kind="stable")]
            lost = max(lost or 0.0, float(hope[hopeful[width]]))
            hopeful = hopeful[:width]
        if not len(hopeful):
            return Found(choice=None, lost=lost, labels=labels)
        states, left = states[hopeful], [room[:, hopeful] for room in left]
        trail.append(np.divmod(kept[hopeful], before))
    best = int(np.argmax(ranks(left[0])))
    return Found(choice=(*reversed([*traced_back(trail, best)]),), lost=lost, labels=labels)


def _hope(rooms: Sequence[Floats], prices: Prices, layer: int, states: States) -> Floats:
    """The largest share of the first room that the rest of a choice can leave; below 0 for what leads to nothing."""
    first, *needed = rooms
    return np.asarray(widened_by_rounding(first) - np.maximum(0.0, prices.at_least(layer, states, needed)))


def _undominated(rankings: Sequence[States], states: States) -> States:
    """The labels that no other one of the same state dominates."""
    if not len(states):
        return states
    # Rankings from the fourth on are not compared but have to be equal.
    filled = [*rankings, *[np.zeros_like(states)] * (3 - len(rankings))]
    return undominated([*filled, states])
