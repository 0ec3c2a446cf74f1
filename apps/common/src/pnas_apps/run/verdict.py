"""The verdict on a search, as data: the nets that were trained from scratch, and how they compare."""

from collections.abc import Sequence
from typing import Literal

from attrs import evolve, field, frozen
from attrs.validators import deep_iterable, min_len, optional

from pnas_apps.run.difference import Difference, difference
from pnas_ops import Architecture, Measurement, Range, counted

Kind = Literal["searched", "random", "fastest", "biggest", "hand-made"]

_COUNT, _MILLISECONDS = Range(0, 10**15, whole=True), Range(0.0, 1e9)

SAME_LATENCY = 0.02
"""How far the latency of a net may be from that of the searched one, as a share of it, to be called the same."""


@frozen(kw_only=True)
class Contender:
    """A net that is trained from scratch, to be compared.

    Attributes:
        architecture: what it is.
        kind: why it is compared; a hand-made net is one of `pnas_ops.BASELINES`, as wide as the latency allows.
        predicted_ms: by the run's table; None for a net whose operations it does not hold.
        measured_ms: on the device of the table and at its speed, the cost of a call included; None where it was not
            measured.
        noisy: whether that measurement is too noisy to judge a prediction by (`Measurement.noisy`).
    """

    architecture: Architecture
    kind: Kind
    predicted_ms: float | None = None
    measured_ms: float | None = None
    noisy: bool = False

    @property
    def name(self) -> str:
        """The name of the net."""
        return self.architecture.name

    def measured(self, found: Measurement | None) -> "Contender":
        """The same with what was measured of it; None where nothing was."""
        return self if found is None else evolve(self, measured_ms=found.total_ms, noisy=found.noisy)


@frozen(kw_only=True)
class ComparedNet:
    """A net that was trained from scratch.

    Attributes:
        name: of the net.
        kind, predicted_ms, measured_ms, noisy: as `Contender` has them.
        parameters, macs: counted.
        accuracies: shares of the test images that it classifies correctly after its trainings, one for each seed.
    """

    name: str
    kind: Kind
    parameters: int = field(validator=_COUNT)
    macs: int = field(validator=_COUNT)
    predicted_ms: float | None = field(validator=optional(_MILLISECONDS))
    measured_ms: float | None = field(validator=optional(_MILLISECONDS))
    noisy: bool = False
    accuracies: tuple[float, ...] = field(validator=deep_iterable(Range(0.0, 1.0), min_len(1)))

    @property
    def latency_ms(self) -> float | None:
        """Measured, or else predicted; None where it is neither."""
        return self.predicted_ms if self.measured_ms is None else self.measured_ms

    @property
    def off_by(self) -> float | None:
        """The relative error of the prediction; None where nothing was measured, or too noisily to tell."""
        if self.predicted_ms is None or not self.measured_ms or self.noisy:
            return None
        return self.predicted_ms / self.measured_ms - 1


@frozen(kw_only=True)
class Verdict:
    """Nets trained in the same way, from scratch, each judged once on the test images, which no choice has seen.

    Attributes:
        epochs: of each training.
        seeds: trainings of each net.
        test_images: how many test images judged them.
        nets: the searched one, the random ones, and the others.
        remarks: what could not be compared, or was taken in its place.
    """

    epochs: int = field(validator=Range(1, 1_000_000, whole=True))
    seeds: int = field(validator=Range(1, 1000, whole=True))
    test_images: int = field(validator=_COUNT)
    nets: tuple[ComparedNet, ...] = field()
    remarks: tuple[str, ...] = ()

    @nets.validator
    def _check_nets(self, attribute: object, nets: tuple[ComparedNet, ...]) -> None:
        if (found := sum(net.kind == "searched" for net in nets)) != 1:
            raise ValueError(f"one net of a verdict is the searched one, got {found}")
        if odd := [net.name for net in nets if len(net.accuracies) != self.seeds]:
            raise ValueError(f"{odd[0]!r} of a verdict has not {self.seeds} accuracies, one for each seed")

    def of_kind(self, kind: Kind) -> tuple[ComparedNet, ...]:
        """The nets that are compared for one reason."""
        return tuple(net for net in self.nets if net.kind == kind)

    @property
    def difference(self) -> Difference | None:
        """The accuracy of the searched net less that of random ones; None where nothing can be said of chance."""
        (searched,) = self.of_kind("searched")
        return difference(searched.accuracies, [net.accuracies for net in self.of_kind("random")])

    @property
    def sentence(self) -> str:
        """The verdict in a sentence: "better" and "worse" only where the interval of 95% excludes 0."""
        random, found = self.of_kind("random"), self.difference
        counts = f"{counted(len(random), 'net')}, {counted(self.seeds, 'seed')}"
        if found is None:
            return f"No verdict: {counts} do not tell chance from choice"
        what = f"random nets of {_latency(self.of_kind('searched')[0], random)}"
        digits = 1 if 100 * found.standard_error >= 0.1 else 2
        sign = -1 if found.high < 0 else 1
        shown = f"{100 * sign * found.mean:.{digits}f} ± {100 * found.standard_error:.{digits}f} points"
        low, high = _ends(sorted((100 * sign * found.low, 100 * sign * found.high)), digits)
        sure = f"({counts}; 95%: {low} to {high})"
        if not found.is_shown:
            return f"The searched net is not shown to be better than {what}: {shown} {sure}"
        return f"The searched net is {'better' if sign > 0 else 'worse'} than {what} by {shown} {sure}"


_MOST_DIGITS = 9
"""Of an end of an interval: one that is still nothing then is 0."""


def _ends(values: Sequence[float], digits: int) -> list[str]:
    """The ends of an interval, with as many digits as show on which side of 0 each of them is."""
    while digits < _MOST_DIGITS and any(round(one, _MOST_DIGITS) and not round(one, digits) for one in values):
        digits += 1
    # Never "-0.0".
    return [f"{round(one, digits) + 0.0:.{digits}f}" for one in values]


def _latency(searched: ComparedNet, random: Sequence[ComparedNet]) -> str:
    off = max(apart(net, searched) for net in random)
    return "the same latency" if off <= SAME_LATENCY else f"a latency within {off:.1%} of its own"


def apart(net: ComparedNet | Contender, searched: ComparedNet | Contender) -> float:
    """How far the predicted latency of a net is from that of the searched one, as a share of that."""
    if net.predicted_ms is None or not searched.predicted_ms:
        return 0.0
    return round(abs(net.predicted_ms / searched.predicted_ms - 1), 9)  # 2% are 2%, however they are rounded
