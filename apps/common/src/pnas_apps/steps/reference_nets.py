"""The nets of a space that the one that was found is compared with."""

from pnas_latency import MACS, LatencyTable
from pnas_ops import Architecture, Space


def biggest(space: Space) -> Architecture:
    """The net that takes the candidate with most multiply-accumulates at every block."""
    return space.architecture([row.index(max(row)) for row in MACS.costs(space)], name="biggest")


def fastest(space: Space, table: LatencyTable) -> Architecture:
    """The net that takes the candidate with least latency at every block."""
    return space.architecture([row.index(min(row)) for row in table.costs(space)], name="fastest")
