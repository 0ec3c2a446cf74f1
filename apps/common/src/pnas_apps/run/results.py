"""What a run found, as data."""

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import deep_mapping, instance_of, min_len, optional

from pnas_apps.run.verdict import Verdict
from pnas_export import FileSizes
from pnas_latency import MACS, PARAMETERS, Budget, LatencyTable
from pnas_ops import AnyNet, Architecture, Measurement, Range, architecture_macs, architecture_parameters

_COUNT, _COST = Range(0, 10**15, whole=True), Range(0.0, 1e18)


@frozen(kw_only=True)
class NetResult:
    """One line of the final table.

    Attributes:
        predicted_ms: by the table, at the speed that the machine had when that was made.
        measured: its file on the run's device, or the net itself on PyTorch's, the cost of a call included.
        slower: how many times as long the machine took for the same as when its table was made; None where that is not
            known.
    """

    name: str
    epochs: int = field(validator=Range(0, 10**9, whole=True))
    test_accuracy: float = field(validator=Range(0.0, 1.0))
    parameters: int = field(validator=_COUNT)
    macs: int = field(validator=_COUNT)
    predicted_ms: float = field(validator=_COST)
    measured: Measurement
    slower: float | None = field(default=None, validator=optional(Range(0.0, 1e9, above=True)))

    @property
    def predicted_now_ms(self) -> float:
        """The prediction, at the speed at which the net was measured."""
        return self.predicted_ms * (self.slower or 1)

    @property
    def table_probe_ms(self) -> float | None:
        """What the probe took when the table was made; None where it is not known."""
        return None if self.slower is None or self.measured.probe_ms is None else self.measured.probe_ms / self.slower

    @property
    def at_table_speed_ms(self) -> float:
        """What was measured, at the speed of the table, which requested latencies refer to."""
        return self.measured.at(self.table_probe_ms).latency_ms

    @property
    def off_by(self) -> float | None:
        """The relative error of the prediction; None where the measurement is too noisy, or zero."""
        return (
            None
            if self.measured.noisy or not self.measured.latency_ms
            else self.predicted_now_ms / self.measured.latency_ms - 1
        )


@frozen(kw_only=True)
class LimitResult:
    """A limit on the searched net, and what the net ships with.

    Attributes:
        name: of the cost, as `pnas_latency.Metric` names it.
        unit: its unit.
        asked: what the net may cost at most.
        predicted: what it was believed to cost when it was chosen.
        shipped: what its file costs; None where that is not known here.
    """

    name: str
    unit: str
    asked: float = field(validator=Range(0.0, 1e18, above=True))
    predicted: float = field(validator=_COST)
    shipped: float | None = field(validator=optional(_COST))

    @property
    def excess(self) -> float:
        """How much more than was requested is known to ship; 0 where nothing is."""
        return 0.0 if self.shipped is None else max(0.0, self.shipped - self.asked)


@frozen(kw_only=True)
class BaselineResult:
    """A published net, for the images and classes of the run; it is not trained, and has no accuracy.

    Attributes:
        name: of `pnas_ops.BASELINES`.
        parameters, macs: counted.
        predicted_ms: only in runs of earlier versions, and shown nowhere: their blocks had been measured by themselves,
            without whole nets among them, and a net of many weights takes up to twice as long.
        measured: of the net itself on the run's device, the cost of a call included; None where it was not asked for,
            or could not be.
    """

    name: str
    parameters: int = field(validator=_COUNT)
    macs: int = field(validator=_COUNT)
    predicted_ms: float | None = field(default=None, validator=optional(_COST))
    measured: Measurement | None = None


@frozen(kw_only=True)
class RunResults:
    """What a run found.

    Attributes:
        nets: the one that was searched; in runs of earlier versions also the fastest and the biggest.
        seconds: the time that each of its steps took; of a net of a sweep, "sweep" is that of the search for all nets.
        limits: what was requested of the net, and what ships.
        baselines: published nets, which are not trained.
        verdict: whether the search paid; None where nothing was compared.
        remarks: what the search said of itself.
        doubt: a line where the net that ships is not shown to be better than to name the most frequent class; None
            elsewhere.
        versions: of what computed it, by their names.
    """

    nets: tuple[NetResult, ...] = field(validator=min_len(1))
    seconds: dict[str, float] = field(validator=deep_mapping(instance_of(str), Range(0.0, 1e12)))
    limits: tuple[LimitResult, ...] = ()
    baselines: tuple[BaselineResult, ...] = ()
    verdict: Verdict | None = None
    remarks: tuple[str, ...] = ()
    doubt: str | None = None
    versions: dict[str, str] = field(factory=dict)

    @property
    def effort(self) -> str | None:
        """How long searching took beside training the net, both measured; None where that is not known."""
        searching, training, sweeping = (self.seconds.get(step, 0.0) for step in ("search", "train", "sweep"))
        if len(self.nets) > 1 or not searching or not training:
            return None
        what = "Searching, for all nets of the sweep at once," if sweeping else "Searching"
        searching += sweeping
        return (
            f"{what} took as long as {searching / training:.1f} trainings of the net that ships (as measured, "
            f"with the landing: {searching:.0f} s and {training:.0f} s)"
        )


def net_result(
    architecture: Architecture, epochs: int, test_accuracy: float, table: LatencyTable, measured: Measurement
) -> NetResult:
    """The line of one net, trained for so many epochs."""
    return NetResult(
        name=architecture.name,
        epochs=epochs,
        test_accuracy=test_accuracy,
        parameters=architecture_parameters(architecture),
        macs=architecture_macs(architecture),
        predicted_ms=table.predict_ms(architecture),
        measured=measured,
        slower=slower_than(table, measured),
    )


def slower_than(table: LatencyTable, measured: Measurement) -> float | None:
    """How many times as long the machine took for the same as at the speed of its table; None where it is not known."""
    if table.probe_ms is None or measured.probe_ms is None:
        return None
    return measured.probe_ms / table.probe_ms


def limit_results(
    budget: Budget,
    table: LatencyTable,
    architecture: AnyNet,
    sizes: FileSizes | None,
    *,
    measured_ms: float | None,
    columns: Mapping[str, float],
) -> tuple[LimitResult, ...]:
    """Every limit, with what ships.

    Args:
        budget: the limits that the net was chosen within.
        table: the table that predicted its latency.
        architecture: the net.
        sizes: of its TFLite file in the dtype of the table's device; None where none ships, or no limit is on bytes.
        measured_ms: the latency of what was measured on that device; None where it was not measured there.
        columns: what commands have said of its file, by the names of the table's columns.
    """
    dtype = "int8" if table.device.dtype == "int8" else "float32"
    shipped: dict[str, float | None] = {
        **columns,
        "latency_ms": measured_ms,
        "macs": MACS.of(architecture),
        "parameters": PARAMETERS.of(architecture),
    }
    if sizes is not None:
        shipped |= {
            f"weight_bytes_{dtype}": float(sizes.constants),
            f"peak_activation_bytes_{dtype}": float(sizes.peak_activations),
            f"file_bytes_{dtype}": float(sizes.file),
        }
    return tuple(
        LimitResult(
            name=limit.metric.name,
            unit=limit.metric.unit,
            asked=limit.at_most,
            predicted=limit.metric.of(architecture),
            shipped=shipped.get(limit.metric.name),
        )
        for limit in budget.limits(table)
    )
