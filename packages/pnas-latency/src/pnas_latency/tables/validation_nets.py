"""Random nets to calibrate a table with, and others to judge it by."""

import random
from collections.abc import Iterator, Sequence
from itertools import islice, product
from math import fsum, prod
from statistics import median

from attrs import frozen

from pnas_latency.tables.entries import NetEntry
from pnas_ops import AnyNet, AnySpace, BlockSpec, Measurement, ModuleWorkload

_SMALL_KERNEL = 5
# Of spaces of fewer nets all are drawn from; of larger ones, this many random nets are looked at for the band.
_POOL = 4096


@frozen(kw_only=True)
class ValidationNet:
    """A net that is to be measured whole.

    Attributes:
        architecture: the net; its name tells its role: "fit-3", "random-1", "band-2".
        held_out: whether it is to judge predictions, not to calibrate them.
        band: whether it is of the band of nearly equal cost.
    """

    architecture: AnyNet
    held_out: bool
    band: bool

    def measured(self, measurement: Measurement) -> NetEntry:
        """What a table holds of it."""
        return NetEntry(architecture=self.architecture, measurement=measurement, held_out=self.held_out, band=self.band)


def validation_nets(
    space: AnySpace,
    *,
    costs: Sequence[Sequence[float]],
    fit: int = 6,
    held_out: int = 20,
    band: float = 0.05,
    seed: int = 0,
) -> tuple[ValidationNet, ...]:
    """Draws different nets of a space: some to calibrate with, then others to judge by.

    Half of those held out are drawn from all nets, half from a band: nets without kernels larger than 5x5 whose cost
    is within the share `band` of such nets' median; the cost of what all nets have in common does not count. Among nets
    of any cost every table ranks well, and nets with 7x7 kernels are predicted with a smaller error than those without.

    Half of those to calibrate with have no kernels larger than 5x5 either. Random nets of many blocks differ too little
    in cost to tell what all nets cost beside the sums from what grows with these.

    Where it cannot be so: a block of which all candidates that compute have larger kernels keeps all of them; where too
    few nets lie within the band, those nearest to the median are taken; and a space of fewer nets than are asked for
    gives all it has, in the same proportions.

    Args:
        space: the space of the nets.
        costs: the cost of every candidate of every searched block, as `Metric.costs` and `LatencyTable.costs` give it.
        fit: number of nets to calibrate with.
        held_out: number of nets to judge by.
        band: half of the band's width, as a share of its cost.
        seed: the same seed, space and costs give the same nets.

    Raises:
        ValueError: for costs of another space, negative numbers, or a space of a single net, which cannot both
            calibrate and judge.
    """
    mixed = space.mixed
    if [len(row) for row in costs] != [len(row) for row in mixed]:
        raise ValueError(f"the costs are not those of space {space.name!r}: they need one number a candidate")
    if min(fit, held_out) < 0 or band < 0:
        raise ValueError(f"fit, held_out and band must not be negative, got {fit}, {held_out} and {band}")
    order = random.Random(seed)
    everything = [range(len(row)) for row in mixed]
    size = prod(map(len, everything))
    if size == 1:
        raise ValueError(f"space {space.name!r} has a single net, which cannot both calibrate a table and judge it")
    share = min(size, fit + held_out) / max(1, fit + held_out)
    fit, held_out = round(fit * share), int(held_out * share)
    small = [_small(row) for row in mixed]
    in_band = _near_median(list(islice(_draw(small, order), _POOL)), costs, held_out // 2, band, order)
    small_fit = list(islice((choices for choices in _draw(small, order) if choices not in in_band), fit // 2))
    taken = {*in_band, *small_fit}
    others = (choices for choices in _draw(everything, order) if choices not in taken)
    anywhere = list(islice(others, fit + held_out - len(taken)))
    any_fit = fit - len(small_fit)
    roles = [("fit", anywhere[:any_fit] + small_fit), ("random", anywhere[any_fit:]), ("band", in_band)]
    return tuple(
        ValidationNet(
            architecture=space.architecture(choices, name=f"{role}-{number}"),
            held_out=role != "fit",
            band=role == "band",
        )
        for role, drawn in roles
        for number, choices in enumerate(drawn, 1)
    )


def _small(row: Sequence[BlockSpec | ModuleWorkload]) -> Sequence[int]:
    small = [index for index, one in enumerate(row) if _kernel_size(one) <= _SMALL_KERNEL]
    # A net that skips wherever it can would stand for none that are searched for.
    return small if any(not row[index].computes_nothing for index in small) else range(len(row))


def _kernel_size(one: BlockSpec | ModuleWorkload) -> int:
    return one.kernel_size if isinstance(one, ModuleWorkload) else one.op.kernel_size


def _draw(rows: Sequence[Sequence[int]], order: random.Random) -> Iterator[tuple[int, ...]]:
    """Different random choices of one number a row, until there are no more."""
    if prod(map(len, rows)) <= _POOL:
        choices = list(product(*rows))
        order.shuffle(choices)
        yield from choices
        return
    seen = set()
    while True:
        drawn = tuple(map(order.choice, rows))
        if drawn not in seen:
            seen.add(drawn)
            yield drawn


def _near_median(
    pool: Sequence[tuple[int, ...]],
    costs: Sequence[Sequence[float]],
    count: int,
    band: float,
    order: random.Random,
) -> list[tuple[int, ...]]:
    cost = {choices: fsum(row[i] for row, i in zip(costs, choices, strict=True)) for choices in pool}
    center = median(cost.values())
    nearest = sorted(pool, key=lambda choices: abs(cost[choices] - center))
    inside = sum(abs(cost[choices] - center) <= band * center for choices in pool)
    candidates = nearest[: max(count, inside)]
    return order.sample(candidates, min(count, len(candidates)))
