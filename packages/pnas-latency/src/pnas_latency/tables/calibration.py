"""Predictions corrected by a few whole nets."""

from collections.abc import Callable, Sequence
from math import fsum, isfinite

from attrs import field, frozen

from pnas_ops import Range

_NETS_FOR_AN_OFFSET = 4
_SPAN_FOR_AN_OFFSET = 1.25
_GAIN_FOR_AN_OFFSET = 0.5


@frozen(kw_only=True)
class Calibration:
    """A net takes `scale` * the sum of its workloads (and overhead) + `offset_ms`."""

    scale: float = field(validator=Range(0.0, 1e9, above=True))
    offset_ms: float = field(validator=Range(-1e9, 1e9))


def fit_calibration(predicted_ms: Sequence[float], measured_ms: Sequence[float]) -> Calibration:
    """The calibration that minimizes the squared relative errors, sum_i ((scale p_i + offset - m_i) / m_i)^2.

    The errors are relative because a budget is missed by a share of it; with absolute ones the slowest nets would
    decide.

    Only a scale is fitted unless an offset is sure to help: with few nets an offset fits the noise, and is then wrong
    for nets outside their range. An offset needs at least 4 nets. Their predictions must differ by a factor of 1.25
    even without the slowest and without the fastest. And it must halve the mean squared error in leave-one-out
    cross-validation.

    Args:
        predicted_ms: the uncalibrated predictions p of the nets, in milliseconds.
        measured_ms: their latencies m.

    Raises:
        ValueError: for no net, for different numbers of the two, and for a latency that is not positive.
    """
    check_positive_pairs(predicted_ms, measured_ms)
    points = sorted(zip(predicted_ms, measured_ms, strict=True))
    scale = _fit_scale(points)
    if len(points) < _NETS_FOR_AN_OFFSET or _span(points) < _SPAN_FOR_AN_OFFSET:
        return scale
    if _left_out_error(points, _fit_line) > _GAIN_FOR_AN_OFFSET * _left_out_error(points, _fit_scale):
        return scale
    return _fit_line(points)


def check_positive_pairs(predicted_ms: Sequence[float], measured_ms: Sequence[float]) -> None:
    """Raises a ValueError unless both have the same number of latencies, at least one, all positive."""
    if len(predicted_ms) != len(measured_ms) or not predicted_ms:
        raise ValueError(f"needs as many predictions as measurements, got {len(predicted_ms)} and {len(measured_ms)}")
    for name, values in (("predicted", predicted_ms), ("measured", measured_ms)):
        for value in values:
            if not (isfinite(value) and value > 0):
                raise ValueError(f"{name} latencies must be positive, got {value}")


def _span(points: Sequence[tuple[float, float]]) -> float:
    predictions = [predicted for predicted, _ in points]
    return min(predictions[-2] / predictions[0], predictions[-1] / predictions[1])


def _fit_scale(points: Sequence[tuple[float, float]]) -> Calibration:
    ratios = [p / m for p, m in points]
    return Calibration(scale=fsum(ratios) / fsum(r * r for r in ratios), offset_ms=0.0)


def _fit_line(points: Sequence[tuple[float, float]]) -> Calibration:
    """With a = p / m and b = 1 / m the error is sum (scale a + offset b - 1)^2: its normal equations, solved."""
    a = [p / m for p, m in points]
    b = [1 / m for _, m in points]
    aa, bb = fsum(x * x for x in a), fsum(y * y for y in b)
    ab = fsum(x * y for x, y in zip(a, b, strict=True))
    determinant = aa * bb - ab * ab
    scale = (fsum(a) * bb - fsum(b) * ab) / determinant
    # A net that computes more and takes less is no reason to predict so.
    return (
        Calibration(scale=scale, offset_ms=(fsum(b) * aa - fsum(a) * ab) / determinant)
        if scale > 0
        else _fit_scale(points)
    )


def _left_out_error(
    points: Sequence[tuple[float, float]], fit: Callable[[Sequence[tuple[float, float]]], Calibration]
) -> float:
    errors = []
    for index, (predicted, measured) in enumerate(points):
        found = fit([*points[:index], *points[index + 1 :]])
        errors.append((found.scale * predicted + found.offset_ms) / measured - 1)
    return fsum(error * error for error in errors)
