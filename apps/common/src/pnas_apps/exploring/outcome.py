"""What an exploration found, as data."""

from collections.abc import Sequence
from math import comb

from attrs import frozen

from pnas_apps.exploring.entries import Entry, Group
from pnas_ops import Choices


@frozen(kw_only=True)
class JudgedNet:
    """A net of an exploration.

    Attributes:
        number: in the order in which they were proposed.
        group: who proposed it.
        choices: of the net.
        value: how good it is, the larger the better.
        epochs: passes over the training images that it took to propose it and to judge it.
        costs: by the names of their metrics.
    """

    number: int
    group: Group
    choices: Choices
    value: float
    epochs: float
    costs: dict[str, float]


@frozen(kw_only=True)
class Explored:
    """All nets that were judged, in the order in which they were proposed.

    Attributes:
        strategy: what proposed the nets that are not random.
        judge: what said how good they are.
        aims: names of the metrics that were to be small besides.
        images: that a value is the accuracy on; None where it is no such thing, or not known.
        nets: them.
        test_accuracy: share of the test images that the best one, trained, classifies correctly; None where it was not
            trained here.
    """

    strategy: str
    judge: str
    aims: tuple[str, ...]
    nets: tuple[JudgedNet, ...]
    images: int | None = None
    test_accuracy: float | None = None

    def of(self, group: Group) -> tuple[JudgedNet, ...]:
        """The nets that one of the two groups proposed."""
        return tuple(net for net in self.nets if net.group == group)

    @property
    def ranked(self) -> tuple[JudgedNet, ...]:
        """Each net once, the best first; of equal ones the earlier."""
        return tuple(sorted(self._different, key=lambda net: -net.value))

    @property
    def best(self) -> JudgedNet:
        """The net of the highest value, whoever proposed it."""
        return self.ranked[0]

    @property
    def front(self) -> tuple[JudgedNet, ...]:
        """The nets than which none is better in one aim and as good in the others, the cheapest first."""
        nets = self._different
        front = [net for net in nets if not any(self._beats(other, net) for other in nets)]
        return tuple(sorted(front, key=lambda net: [net.costs[aim] for aim in self.aims]))

    @property
    def _different(self) -> list[JudgedNet]:
        return list({net.choices: net for net in reversed(self.nets)}.values())[::-1]

    def _beats(self, one: JudgedNet, other: JudgedNet) -> bool:
        aims = [(one.value, other.value), *((-one.costs[aim], -other.costs[aim]) for aim in self.aims)]
        return all(ours >= theirs for ours, theirs in aims) and any(ours > theirs for ours, theirs in aims)


def explored_nets(entries: Sequence[Entry], costs: Sequence[dict[str, float]]) -> tuple[JudgedNet, ...]:
    """The judged nets of a study.

    Args:
        entries: the entries that are judged.
        costs: of each.
    """
    return tuple(
        JudgedNet(
            number=entry.number,
            group=entry.group,
            choices=entry.choices,
            value=entry.judgement.value,
            epochs=entry.epochs,
            costs=of_net,
        )
        for entry, of_net in zip(entries, costs, strict=True)
        if entry.judgement is not None
    )


def best_so_far(nets: Sequence[JudgedNet]) -> list[tuple[float, float]]:
    """After each net: the passes over the training images so far, and the highest value."""
    points, spent, best = [], 0.0, float("-inf")
    for net in nets:
        spent, best = spent + net.epochs, max(best, net.value)
        points.append((spent, best))
    return points


def expected_best(nets: Sequence[JudgedNet]) -> list[tuple[float, float]]:
    """The expected best so far of nets whose order says nothing, such as random ones: the mean over all orders.

    The best of n out of m values in ascending order is the i-th in C(i - 1, n - 1) of C(m, n) cases.
    """
    values, mean_epochs = sorted(net.value for net in nets), sum(net.epochs for net in nets) / max(1, len(nets))
    return [
        (
            n * mean_epochs,
            sum(value * comb(i, n - 1) for i, value in enumerate(values)) / comb(len(values), n),
        )
        for n in range(1, len(values) + 1)
    ]
