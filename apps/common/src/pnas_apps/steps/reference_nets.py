"""The nets of a space that the one that was found is compared with."""

from pnas_latency import MACS, LatencyTable
from pnas_ops import Architecture, Space


def biggest(space: Space) -> Architecture:
    """The net of most multiply-accumulates."""
    return space.architecture(MACS.most_choices(space), name="biggest")


def fastest(space: Space, table: LatencyTable) -> Architecture:
    """The net of least latency, as predicted."""
    return space.architecture(table.metric().least_choices(space), name="fastest")
