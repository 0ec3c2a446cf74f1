"""Which of several spaces to search: that whose nets have most MACs within the limits (TinyNAS, arXiv 2007.10319)."""

from collections.abc import Mapping, Sequence
from math import ceil, fsum, sqrt
from statistics import stdev

import torch
from attrs import field, frozen
from attrs.validators import min_len

from pnas_latency.choosing.infeasible import InfeasibleBudgetError, described
from pnas_latency.choosing.limit import Limit
from pnas_latency.metrics.counts import MACS
from pnas_ops import Progress, Space, counted, report_progress

_WORDS = {
    "peak_activation_bytes": "bytes of activations",
    "weight_bytes": "bytes of weights",
    "file_bytes": "bytes of a file",
    "macs": "MACs",
    "parameters": "parameters",
    "latency_ms": "ms",
}
"""By the prefix of a metric's name; the dtype may follow."""
_LEAST_SHARE = 0.01
"""The least share of a space's nets within the limits: fewer give an unreliable mean, and little to search."""


@frozen(kw_only=True)
class SpaceOutlook:
    """The MACs of the random nets of a space that are within the limits.

    Attributes:
        name: of the space.
        resolution: of its images, in pixels.
        drawn: how many nets were drawn, all equally probable.
        macs: of each drawn net that is within the limits, for one image, in ascending order.
    """

    name: str
    resolution: int
    drawn: int
    macs: tuple[float, ...]

    @property
    def label(self) -> str:
        """A label with name and resolution: "mcunet-0.5 @144"."""
        return f"{self.name} @{self.resolution}"

    @property
    def share(self) -> float:
        """The share of the random nets that are within the limits."""
        return len(self.macs) / self.drawn

    @property
    def mean_macs(self) -> float:
        """Mean MACs of the nets within the limits; 0 where there is none."""
        return fsum(self.macs) / max(1, len(self.macs))

    @property
    def standard_error(self) -> float:
        """Standard error of that mean, in MACs; 0 for fewer than two nets."""
        return stdev(self.macs) / sqrt(len(self.macs)) if len(self.macs) > 1 else 0.0

    def quantile(self, share: float) -> float:
        """The MACs that at least this share of the nets within the limits do not exceed; 0 where there is none."""
        return self.macs[max(0, ceil(share * len(self.macs)) - 1)] if self.macs else 0.0


@frozen(kw_only=True)
class SpaceDesign:
    """Spaces compared by what their nets compute within the same limits.

    Attributes:
        limits: what a net may cost at most, by the names of the metrics.
        outlooks: one a space, in the order in which they were given.
    """

    # A dict has no hash.
    limits: Mapping[str, float] = field(hash=False)
    outlooks: tuple[SpaceOutlook, ...] = field(validator=min_len(1))

    @property
    def best(self) -> int:
        """The index of the best space: the one of the largest mean, the first of equal ones.

        Spaces with fewer than one net in a hundred within the limits count only where all spaces are like that.
        """
        often = [index for index, one in enumerate(self.outlooks) if one.share >= _LEAST_SHARE]
        return max(often or range(len(self.outlooks)), key=lambda index: self.outlooks[index].mean_macs)

    @property
    def ranked(self) -> tuple[SpaceOutlook, ...]:
        """The best one, then the others by their means, the largest first."""
        best = self.outlooks[self.best]
        others = (one for one in self.outlooks if one is not best)
        return (best, *sorted(others, key=lambda one: -one.mean_macs))

    @property
    def asked(self) -> str:
        """The limits in words: "at most 327,680 bytes of activations in int8"."""
        return ", ".join(f"at most {at_most:,.12g} {_in_words(name)}" for name, at_most in self.limits.items())

    @property
    def reason(self) -> str:
        """Why this space is the best, in a sentence."""
        best, *others = self.ranked
        said = (
            f"{best.label}: its nets within the limits compute {best.mean_macs / 1e6:.4g} million MACs on average, "
            f"and more MACs at the same memory is the better space"
        )
        if not others or not others[0].macs:
            return said
        second = others[0]
        ahead = best.mean_macs - second.mean_macs
        if ahead < 0:
            return f"{said}; of {second.label}, which has more, too few nets are within the limits ({second.share:.2%})"
        if ahead < 2 * sqrt(best.standard_error**2 + second.standard_error**2):
            return f"{said}; {second.label} ({second.mean_macs / 1e6:.4g}) is as good as far as {best.drawn} nets tell"
        return f"{said}; the next, {second.label}, has {ahead / best.mean_macs:.1%} less"


def design_spaces(
    spaces: Sequence[Space],
    limits: Sequence[Limit],
    *,
    count: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> SpaceDesign:
    """Draws nets of each space, keeps those within the limits, and compares their MACs.

    Each space has a generator of its own with the same seed: spaces that differ only in width and resolution are
    compared by the same choices. Costs are those that a search counts, see `Metric.reckoned`.

    Args:
        spaces: at least one.
        limits: what a net may cost, at least one limit.
        count: how many nets to draw from each space.
        seed: of the draws.
        progress: told how many spaces are done.

    Raises:
        InfeasibleBudgetError: where no drawn net of any space is within the limits.
        UnknownCostError, MissingWorkloadsError: for a limit on a cost that is not known for a space.
        ValueError: without spaces or limits, and for a count below 1.
    """
    if not spaces or not limits or count < 1:
        raise ValueError(f"needs spaces, limits and nets, got {len(spaces)}, {len(limits)} and {count}")
    outlooks = []
    for done, space in enumerate(spaces):
        report_progress(progress, "spaces", done, len(spaces))
        outlooks.append(_outlook(space, limits, count, seed))
    report_progress(progress, "spaces", len(spaces), len(spaces))
    if not any(one.macs for one in outlooks):
        raise _nothing_fits(spaces, limits, count)
    return SpaceDesign(limits={limit.metric.name: limit.at_most for limit in limits}, outlooks=tuple(outlooks))


def _in_words(name: str) -> str:
    for beginning, words in _WORDS.items():
        if name.startswith(beginning):
            dtype = name.removeprefix(beginning).strip("_")
            return f"{words} in {dtype}" if dtype else words
    return name


def _outlook(space: Space, limits: Sequence[Limit], count: int, seed: int) -> SpaceOutlook:
    generator = torch.Generator().manual_seed(seed)
    choices = torch.tensor([space.sample_choices(generator) for _ in range(count)])
    within = torch.ones(count, dtype=torch.bool)
    for limit in limits:
        costs = limit.metric.reckoned_all(space, choices)
        within &= costs <= limit.at_most
        if limit.at_least is not None:
            within &= costs >= limit.at_least
    macs = MACS.reckoned_all(space, choices[within])
    return SpaceOutlook(
        name=space.name, resolution=space.resolution, drawn=count, macs=tuple(macs.sort().values.tolist())
    )


def _nothing_fits(spaces: Sequence[Space], limits: Sequence[Limit], count: int) -> InfeasibleBudgetError:
    """Names the limit that no net of any space keeps, where there is one."""
    drawn = f"none of the {counted(count, 'net')} drawn of each of {counted(len(spaces), 'space')}"
    for limit in limits:
        cheapest = [limit.metric.cheapest(space) for space in spaces]
        costs = [limit.metric.of(net) for net in cheapest]
        least = min(range(len(spaces)), key=costs.__getitem__)
        if costs[least] > limit.at_most:
            return InfeasibleBudgetError(
                f"{drawn} takes {described(limit)}: the cheapest net of all takes {costs[least]:,.0f} "
                f"{limit.metric.unit}, of {spaces[least].name} at {spaces[least].resolution} pixels",
                "raise the limit, or try smaller widths and resolutions",
                cheapest[least],
            )
    asked = " and ".join(map(described, limits))
    return InfeasibleBudgetError(
        f"{drawn} takes {asked}, though each limit can be kept alone",
        "raise one of them, try smaller widths and resolutions, or draw more nets",
        limits[0].metric.cheapest(spaces[0]),
    )
