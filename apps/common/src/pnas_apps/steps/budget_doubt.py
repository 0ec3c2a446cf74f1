"""Whether any net can meet the requested latency, as far as that shows without a table."""

from pnas_apps.ground.progress import Reporter
from pnas_latency import Device, measure_net_ms
from pnas_ops import AnyNet, ModuleBuilder


def budget_doubt(
    device: Device,
    lightest: AnyNet,
    *,
    asked_ms: float | None,
    likely_ms: float,
    reporter: Reporter,
    build: ModuleBuilder | None = None,
) -> str | None:
    """A line where even the lightest net takes longer than requested, reported at once; None where some net does not.

    Nothing is refused for it: a net of more multiply-accumulates may be faster, which nobody knows before the table.

    Args:
        device: measures the lightest net, unless another one is within the limits.
        lightest: the net of fewest multiply-accumulates.
        asked_ms: what a net may take; None where nothing is requested.
        likely_ms: what another net of the space took.
        reporter: shows progress, and prints the line: what is tried after it takes a while.
        build: makes the modules of a net of a `ModuleSpace`.
    """
    if asked_ms is None or likely_ms <= asked_ms:
        return None
    with reporter.bar("trying the lightest net", 1) as advance:
        found_ms = measure_net_ms(device, lightest, build=build)
        advance()
    if found_ms <= asked_ms:
        return None
    doubt = (
        f"The net with the fewest multiply-accumulates takes {found_ms:.4f} ms now, but {asked_ms:g} ms are requested: "
        "unless another net is faster, the run will be refused once its table is measured: request more, or use a "
        "smaller space"
    )
    reporter.warn(doubt)
    return doubt
