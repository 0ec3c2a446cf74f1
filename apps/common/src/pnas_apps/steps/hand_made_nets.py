"""Published nets, made as fast as the net that a run found: wider, or narrower."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import exp, log

from pnas_apps.run.run import Run
from pnas_apps.run.verdict import Contender
from pnas_apps.steps.table import Tabled
from pnas_ops import BASELINES, Architecture, ArchitectureError, BaselineName, Measurement, PnasError, baseline

_TRIES = 5
"""Widths of a net that are measured at most."""
_CLOSE = 0.02
"""Off the latency that is asked for, as a share of it: no other width is tried."""
FAR = 0.1
"""As far off a net is not compared."""
_NARROWEST, _WIDEST = 0.05, 8.0


def measured_nets(run: Run, tabled: Tabled, nets: Sequence[Architecture]) -> Mapping[Architecture, Measurement]:
    """Latencies of nets on the table's device; none where it is not here.

    At the table's speed, since they stand beside the table's predictions for others. If the device refuses a net, this
    is reported, and the run continues.
    """
    if tabled.table.device != tabled.device.info:
        return {}
    try:
        with run.reporter.phases() as progress:
            found = dict(tabled.device.measure([], nets=nets, progress=progress))
        return {net: found[net].at(tabled.table.probe_ms) for net in nets}
    except PnasError as error:
        run.reporter.warn(f"  {', '.join(net.name for net in nets)} are not measured: {error}")
        return {}


def fitted(run: Run, tabled: Tabled, target_ms: float | None) -> tuple[tuple[Contender, ...], tuple[str, ...]]:
    """The nets that the preset's `baselines` names, each in the width whose measured latency is nearest to one.

    Args:
        run: whose images and classes they are for.
        tabled: measures them.
        target_ms: what they are to take; None where nothing can be measured.

    Returns:
        Those within 10% of it, and a line for each of the others.
    """
    measured: dict[Architecture, Measurement] = {}

    def measure(net: Architecture) -> float | None:
        measured.update(measured_nets(run, tabled, [net]))
        return measured[net].total_ms if net in measured else None

    found: list[Contender] = []
    left_out: list[str] = []
    for name in (one for one in BASELINES if one in run.preset.measured_baselines):
        if target_ms is None:
            left_out.append(f"{name} is not compared: its latency can only be measured on {tabled.table.device}")
            continue
        try:
            net, latency_ms = nearest(partial(of_width, run, name), measure, target_ms)
        except ArchitectureError as error:
            left_out.append(f"{name} is not compared: {error.what}")
            continue
        if latency_ms is None:
            left_out.append(f"{name} is not compared: it could not be measured")
        elif abs(latency_ms / target_ms - 1) <= FAR:
            found.append(Contender(architecture=net, kind="hand-made").measured(measured[net]))
        elif measured[net].noisy:
            left_out.append(f"{name} is not compared: its measurements are too noisy to find a width by")
        else:
            left_out.append(
                f"{name} is not compared: in the width nearest to {target_ms:.4f} ms it takes {latency_ms:.4f}"
            )
    return tuple(found), tuple(left_out)


def nearest(
    of_width: Callable[[float], Architecture], measure: Callable[[Architecture], float | None], target_ms: float
) -> tuple[Architecture, float | None]:
    """The net whose latency comes nearest to one, of some widths that are tried: secant steps in the logarithms.

    Args:
        of_width: a net by the multiple of its width.
        measure: its latency in milliseconds; None where it cannot be measured.
        target_ms: what it is to take.

    Returns:
        The net and its latency, which is None where none could be measured.
    """
    tried: dict[Architecture, tuple[float, float]] = {}
    width = 1.0
    for _ in range(_TRIES):
        net = of_width(width)
        if net in tried:
            break
        latency_ms = measure(net)
        if latency_ms is None:
            break
        tried[net] = (log(width), log(latency_ms / target_ms))
        if abs(latency_ms / target_ms - 1) <= _CLOSE:
            break
        width = min(max(exp(_next(list(tried.values()))), _NARROWEST), _WIDEST)
    if not tried:
        return net, None
    best = min(tried, key=lambda net: abs(tried[net][1]))
    return best, target_ms * exp(tried[best][1])


def _next(tried: Sequence[tuple[float, float]]) -> float:
    """The logarithm of the next width, from those of the widths and of the shares of the latency so far."""
    *before, (width, excess) = tried
    slope = 1.0
    if before:
        other, other_excess = min(before, key=lambda one: abs(one[1]))
        slope = (excess - other_excess) / (width - other)
    return width - excess / (slope if slope > 0.2 else 1.0)


def of_width(run: Run, name: BaselineName, width: float) -> Architecture:
    """The net of this name for the images and classes of a run, in a multiple of its own width."""
    space = run.task.space
    return baseline(
        name,
        width_mult=round(width, 3),
        resolution=space.resolution,
        in_channels=space.in_channels,
        classes=space.classes,
    )
