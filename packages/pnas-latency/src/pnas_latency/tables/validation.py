"""How good predictions are."""

from collections.abc import Sequence
from math import fsum, sqrt

from attrs import frozen

from pnas_latency.tables.calibration import check_positive_pairs
from pnas_latency.tables.ranks import rank_correlation


@frozen(kw_only=True)
class Validation:
    """Predicted against measured latencies of whole nets. Errors are shares of the measured latency: 0.01 is 1%.

    Attributes:
        nets: how many there are.
        mape: mean absolute relative error.
        rmse_ms: root of the mean squared error, in milliseconds.
        bias: mean relative error; positive where predictions are too high.
        worst: largest absolute relative error.
        within_5_percent, within_10_percent: share of the nets whose error is at most that.
        spearman: rank correlation, ties sharing their mean rank; None where all predictions or all measurements are
            equal.
        noise_floor: relative difference of two measurements of the same thing, below which errors mean nothing; None
            where it was not measured.
    """

    nets: int
    mape: float
    rmse_ms: float
    bias: float
    worst: float
    within_5_percent: float
    within_10_percent: float
    spearman: float | None
    noise_floor: float | None

    def __str__(self) -> str:
        spearman = "none" if self.spearman is None else f"{self.spearman:.3f}"
        noise = "not measured" if self.noise_floor is None else f"{self.noise_floor:.2%}"
        return (
            f"{self.nets} nets: MAPE {self.mape:.2%}, bias {self.bias:+.2%}, worst {self.worst:.2%}, "
            f"RMSE {self.rmse_ms:.3g} ms, {self.within_5_percent:.0%} within 5%, "
            f"{self.within_10_percent:.0%} within 10%, Spearman {spearman}, noise floor {noise}"
        )


def compare_predictions(
    predicted_ms: Sequence[float], measured_ms: Sequence[float], *, noise_floor: float | None
) -> Validation:
    """Judges predictions by measurements.

    Args:
        predicted_ms: one latency for each net, in milliseconds.
        measured_ms: the measured latencies of the same nets.
        noise_floor: see `Validation`.

    Raises:
        ValueError: for no net, for different numbers of the two, and for a latency that is not positive.
    """
    check_positive_pairs(predicted_ms, measured_ms)
    pairs = list(zip(predicted_ms, measured_ms, strict=True))
    # (p - m) / m, not p / m - 1: the latter loses digits where they matter.
    errors = [(predicted - measured) / measured for predicted, measured in pairs]
    count = len(errors)
    return Validation(
        nets=count,
        mape=fsum(map(abs, errors)) / count,
        rmse_ms=sqrt(fsum((predicted - measured) ** 2 for predicted, measured in pairs) / count),
        bias=fsum(errors) / count,
        worst=max(map(abs, errors)),
        within_5_percent=sum(abs(error) <= 0.05 for error in errors) / count,
        within_10_percent=sum(abs(error) <= 0.1 for error in errors) / count,
        spearman=rank_correlation(predicted_ms, measured_ms),
        noise_floor=noise_floor,
    )
