"""Random nets to calibrate a table with, and others to judge it by."""

from collections.abc import Iterator, Sequence
from itertools import islice, product
from math import fsum, prod
from operator import and_
from statistics import median

import torch
from attrs import frozen

from pnas_latency.metrics.metric import Metric
from pnas_latency.tables.entries import NetEntry
from pnas_ops import (
    AnyNet,
    AnySpace,
    AnyWorkload,
    HasConditions,
    Measurement,
    ModuleWorkload,
    cost_terms,
    random_choices,
)

_SMALL_KERNEL = 5
# In smaller spaces nets are drawn from all; in larger ones, this many random nets are considered for the band.
_POOL = 4096


@frozen(kw_only=True)
class ValidationNet:
    """A net that is to be measured whole.

    Attributes:
        architecture: the net; its name tells its role: "fit-3", "random-1", "band-2".
        held_out: whether it is to judge predictions, not to calibrate them.
        band: whether it is from the band of nearly equal cost.
    """

    architecture: AnyNet
    held_out: bool
    band: bool

    def measured(self, measurement: Measurement) -> NetEntry:
        """The net with its measurement, as a table holds it."""
        return NetEntry(architecture=self.architecture, measurement=measurement, held_out=self.held_out, band=self.band)


def validation_nets(
    space: AnySpace,
    *,
    cost: Metric,
    fit: int = 6,
    held_out: int = 20,
    band: float = 0.05,
    seed: int = 0,
) -> tuple[ValidationNet, ...]:
    """Draws different nets of a space: some to calibrate with, then others to judge by.

    Half of the held-out nets are drawn from all nets, half from a band of hard ones. The band holds the nets without
    kernels larger than 5x5 whose cost is within the share `band` of the median of such nets, not counting what all nets
    have in common. Outside a band the task is easier: every table ranks nets of any cost well, and nets with 7x7
    kernels are predicted with a smaller error than those without.

    Half of the nets to calibrate with have no kernels larger than 5x5 either: random nets of many blocks differ too
    little in cost to tell a constant offset from a scale.

    Exceptions: a block keeps all of its candidates where each that computes has a larger kernel. Where too few nets lie
    within the band, those nearest to the median are taken. A space of fewer nets than are asked for gives all it has,
    in the same proportions.

    Args:
        space: the space of the nets.
        cost: of a net, for the band: `MACS`, or the latency of another table.
        fit: number of nets to calibrate with.
        held_out: number of nets to judge by.
        band: half of the band's width, as a share of its cost.
        seed: the same seed, space and cost give the same nets.

    Raises:
        ValueError: for negative numbers, or a space of a single net, which cannot both calibrate and judge.
    """
    if min(fit, held_out) < 0 or band < 0:
        raise ValueError(f"fit, held_out and band must not be negative, got {fit}, {held_out} and {band}")
    generator = torch.Generator().manual_seed(seed)
    size = space.size()
    if size == 1:
        raise ValueError(f"space {space.name!r} has a single net, which cannot both calibrate a table and judge it")
    share = min(size, fit + held_out) / max(1, fit + held_out)
    fit, held_out = round(fit * share), int(held_out * share)
    everything = [range(count) for count in space.options]
    small = _small(space)
    pool = list(islice(_draw(space, small, generator), _POOL))
    in_band = _near_median(pool, _costs(pool, space, cost), held_out // 2, band, generator)
    others = (choices for choices in _draw(space, small, generator) if choices not in in_band)
    small_fit = list(islice(others, fit // 2))
    taken = {*in_band, *small_fit}
    others = (choices for choices in _draw(space, everything, generator) if choices not in taken)
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


def _small(space: AnySpace) -> list[Sequence[int]]:
    """The options of each choice without large kernels; all options where every one that computes has them."""
    small = [[True] * count for count in space.options]
    computing = [[False] * count for count in space.options]
    for term in cost_terms(space):
        fitting: dict[tuple[int, int], bool] = {}
        for options, row in zip(product(*map(range, term.options)), term.computed, strict=True):
            for place in zip(term.choices, options, strict=True) if row else ():
                fits = all(_kernel_size(one) <= _SMALL_KERNEL for one in row)
                fitting[place] = fitting.get(place, False) or fits
                computing[place[0]][place[1]] |= any(not one.computes_nothing for one in row)
        for (number, option), fits in fitting.items():
            small[number][option] &= fits
    return [
        # A net that skips wherever it can would stand for none that are searched for.
        [option for option, fits in enumerate(fitting) if fits]
        if any(map(and_, fitting, computes))
        else range(len(fitting))
        for fitting, computes in zip(small, computing, strict=True)
    ]


def _kernel_size(one: AnyWorkload) -> int:
    return one.kernel_size if isinstance(one, ModuleWorkload) else one.block.op.kernel_size


def _draw(space: AnySpace, rows: Sequence[Sequence[int]], generator: torch.Generator) -> Iterator[tuple[int, ...]]:
    """The choices of different random nets, one option a row, until there are no more, or none is found."""
    few = prod(map(len, rows)) <= _POOL
    seen: set[tuple[int, ...]] = set()
    in_vain = 0
    for drawn in _shuffled(rows, generator) if few else _endless(rows, generator):
        # Several choices may give the same net; the space reads one of them from it.
        choices = space.choices(space.architecture(drawn)) if isinstance(space, HasConditions) else drawn
        in_vain = in_vain + 1 if choices in seen else 0
        if not in_vain:
            seen.add(choices)
            yield choices
        elif in_vain > _POOL:
            return


def _shuffled(rows: Sequence[Sequence[int]], generator: torch.Generator) -> Iterator[tuple[int, ...]]:
    choices = list(product(*rows))
    return (choices[i] for i in torch.randperm(len(choices), generator=generator).tolist())


def _endless(rows: Sequence[Sequence[int]], generator: torch.Generator) -> Iterator[tuple[int, ...]]:
    while True:
        taken = random_choices([len(row) for row in rows], generator)
        yield tuple(row[i] for row, i in zip(rows, taken, strict=True))


def _costs(pool: Sequence[tuple[int, ...]], space: AnySpace, cost: Metric) -> list[float]:
    """The costs of nets, without what all nets have in common."""
    _, terms = cost.priced(space)
    combine = max if cost.combine == "max" else fsum
    return [combine([one for term in terms for one in term.of(choices)]) for choices in pool]


def _near_median(
    pool: Sequence[tuple[int, ...]],
    costs: Sequence[float],
    count: int,
    band: float,
    generator: torch.Generator,
) -> list[tuple[int, ...]]:
    cost = dict(zip(pool, costs, strict=True))
    center = median(cost.values())
    nearest = sorted(pool, key=lambda choices: abs(cost[choices] - center))
    inside = sum(abs(cost[choices] - center) <= band * center for choices in pool)
    candidates = nearest[: max(count, inside)]
    order = torch.randperm(len(candidates), generator=generator)[:count]
    return [candidates[i] for i in order.tolist()]
