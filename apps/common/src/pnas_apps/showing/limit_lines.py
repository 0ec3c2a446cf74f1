"""Whether what ships keeps its limits, in sentences."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, Context

from pnas_apps.run.results import LimitResult
from pnas_apps.showing.run_tables import latency_limit, over_text
from pnas_latency import Landing


def landing_line(landing: Landing, limits: Iterable[LimitResult], noise_floor: float | None) -> str | None:
    """Why a net has one latency when it is taken and another one in the end, and whether it keeps its limit in both.

    Args:
        landing: how the net was taken.
        limits: what was requested of it, and what ships.
        noise_floor: of the table, a share; None where it is not known.

    Returns:
        A sentence without its stop; None where the net was not measured in the end, or nothing was requested.
    """
    limit, taken = latency_limit(limits), landing.result
    if limit is None or limit.shipped is None:
        return None
    when, before_ms = "was predicted to take", taken.predicted_ms
    if taken.measured_ms is not None:
        when, before_ms = "took", taken.measured_ms
    apart = abs(limit.shipped / before_ms - 1) if before_ms else 0.0
    floor = f"; the table's noise floor is {noise_floor:.1%}" if noise_floor else ""
    said = (
        f"The net {when} {before_ms:.4f} ms when it was taken and takes {limit.shipped:.4f} in the end "
        f"(at the table's speed, {apart:.1%} apart{floor})"
    )
    if not limit.excess:
        return said
    if limit.excess <= (noise_floor or 0) * limit.asked:
        return f"{said}: {over_text(limit)}, which is within the noise"
    return f"{said}: {over_text(limit)}; request {_rounded_down(limit.asked**2 / limit.shipped)} ms to stay within it"


def _rounded_down(value: float) -> str:
    """With three figures: what is requested may be less than what would do, and not more."""
    return f"{Context(prec=3, rounding=ROUND_FLOOR).create_decimal(repr(value)).normalize():f}"


def excess_lines(limits: Sequence[LimitResult], *, file: str) -> list[str]:
    """A line for every limit on bytes that what ships does not keep, with the way out."""
    return [
        f"{file} has {limit.shipped:.0f} {limit.name}, {limit.excess:.0f} more than the {limit.asked:.0f} requested: "
        f"search again with a limit of {limit.asked - limit.excess:.0f}"
        for limit in limits
        if limit.excess and limit.unit == "bytes"
    ]
