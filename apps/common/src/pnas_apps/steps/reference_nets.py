"""The ends of a space."""

from attrs import evolve

from pnas_latency import MACS, PARAMETERS, LatencyTable
from pnas_ops import Architecture, CellSpace, ModuleSpace, NoneSpec, Space


def biggest(space: Space) -> Architecture:
    """The net of most multiply-accumulates."""
    return space.architecture(MACS.most_choices(space), name="biggest")


def fastest(space: Space, table: LatencyTable) -> Architecture:
    """The net of least latency, as predicted, of those whose cells have all their edges."""
    space = _with_all_edges(space)
    return space.architecture(table.metric().least_choices(space), name="fastest")


def lightest(space: Space) -> Architecture:
    """The net of fewest multiply-accumulates, of those whose cells have all their edges."""
    space = _with_all_edges(space)
    return space.architecture(MACS.least_choices(space), name="lightest")


def _with_all_edges(space: Space) -> Space:
    """Without edges nothing of an image comes through: the file of such a net computes nothing, in no time."""
    if not isinstance(space, CellSpace):
        return space
    there = tuple(op for op in space.candidates if not isinstance(op, NoneSpec))
    return evolve(space, candidates=there or space.candidates)


def range_line(space: Space | ModuleSpace) -> str:
    """What the nets of a space take that needs no device, for those who are to name limits."""
    ranges = (
        f"{metric.of(metric.cheapest(space)):,.0f} to {metric.of(metric.dearest(space)):,.0f} {name}"
        for metric, name in ((MACS, "MACs"), (PARAMETERS, "parameters"))
    )
    return f"Nets of the space have {' and '.join(ranges)}."
