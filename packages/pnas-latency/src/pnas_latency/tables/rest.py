"""The latency of a user's module beside its places, derived from a whole net."""

from collections.abc import Mapping
from math import fsum

from attrs import evolve

from pnas_latency.tables.entries import TableEntry
from pnas_latency.tables.pricing import summed
from pnas_ops import AnyNet, AnySpace, AnyWorkload, HasCostTerms, Measurement, ModuleArchitecture, ModuleSpace


def net_for_rest(net: AnySpace | AnyNet | HasCostTerms) -> ModuleArchitecture | None:
    """The net from whose latency that of the rest is derived; None where there is no rest, as of blocks.

    The lightest, so that as little as possible is deducted for what stands at its places.
    """
    match net:
        case ModuleSpace():
            return net.lightest
        case ModuleArchitecture():
            return net
    return None


def rest_entry(net: ModuleArchitecture, whole: Measurement, measured: Mapping[AnyWorkload, Measurement]) -> TableEntry:
    """The net's latency less that of what stands at its places: what else it computes, where it computes it.

    Parts of the rest timed alone would add up to something else, since runtimes fuse them with what stands at the
    places: a BatchNorm or an activation into the convolution before it. Where nothing is left, it is 0, and noisy if
    less than nothing is left.

    Args:
        net: whose rest it is.
        whole: of that net.
        measured: of what stands at its places, in the same session.
    """
    latencies_ms = {workload: one.latency_ms for workload, one in measured.items()}
    at_places_ms = fsum(own_ms for (own_ms,) in summed([place.candidates for place in net.places], latencies_ms))
    left = {
        name: max(0.0, getattr(whole, name) - at_places_ms) for name in ("latency_ms", "p25_ms", "median_ms", "p75_ms")
    }
    noisy = whole.noisy or whole.latency_ms < at_places_ms
    return TableEntry(workload=net.rest, measurement=evolve(whole, **left, noisy=noisy))
