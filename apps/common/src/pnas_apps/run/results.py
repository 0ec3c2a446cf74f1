"""What a run found, as data."""

from attrs import frozen

from pnas_latency import LatencyTable
from pnas_ops import Architecture, Measurement, architecture_macs, architecture_parameters


@frozen(kw_only=True)
class NetResult:
    """One line of the final table; `measured` is the exported TFLite file on this machine."""

    name: str
    epochs: int
    test_accuracy: float
    parameters: int
    macs: int
    predicted_ms: float
    measured: Measurement


@frozen(kw_only=True)
class RunResults:
    """The final table of a run, and the seconds that its steps took."""

    nets: tuple[NetResult, ...]
    seconds: dict[str, float]


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
