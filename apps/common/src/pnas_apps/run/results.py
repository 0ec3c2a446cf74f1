"""What a run found, as data."""

from collections.abc import Mapping

from attrs import frozen

from pnas_export import FileSizes
from pnas_latency import MACS, PARAMETERS, Budget, LatencyTable
from pnas_ops import AnyNet, Architecture, Measurement, architecture_macs, architecture_parameters


@frozen(kw_only=True)
class NetResult:
    """One line of the final table; `measured` is its file on the run's device, or the net itself on PyTorch's."""

    name: str
    epochs: int
    test_accuracy: float
    parameters: int
    macs: int
    predicted_ms: float
    measured: Measurement


@frozen(kw_only=True)
class LimitResult:
    """What was asked of the searched net, and what came of it.

    Attributes:
        name: of the cost, as `pnas_latency.Metric` names it.
        unit: its unit.
        asked: what the net may cost at most.
        predicted: what it was believed to cost when it was chosen.
        shipped: what its file costs; None where that is not known here.
    """

    name: str
    unit: str
    asked: float
    predicted: float
    shipped: float | None

    @property
    def excess(self) -> float:
        """How much more than what was asked is known to ship; 0 where nothing is."""
        return 0.0 if self.shipped is None else max(0.0, self.shipped - self.asked)


@frozen(kw_only=True)
class BaselineResult:
    """A net of others, for the images and classes of the run; it is not trained, and has no accuracy.

    Attributes:
        name: of `pnas_ops.BASELINES`.
        parameters, macs: counted.
        measured: of the net itself on the run's device, the cost of a call included; None where it was not asked for,
            or could not be.
    """

    name: str
    parameters: int
    macs: int
    measured: Measurement | None = None


@frozen(kw_only=True)
class RunResults:
    """The final table of a run, its limits, the seconds that its steps took, and nets of others to compare with."""

    nets: tuple[NetResult, ...]
    seconds: dict[str, float]
    limits: tuple[LimitResult, ...] = ()
    baselines: tuple[BaselineResult, ...] = ()


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
    )


def limit_results(
    budget: Budget,
    table: LatencyTable,
    architecture: AnyNet,
    sizes: FileSizes | None,
    *,
    measured_ms: float | None,
    columns: Mapping[str, float],
) -> tuple[LimitResult, ...]:
    """Every limit of a budget, beside what ships.

    Args:
        budget: that the net was chosen within.
        table: that predicted its latency.
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
