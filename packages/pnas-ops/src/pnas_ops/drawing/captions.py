"""The texts above nets and below blocks in pictures."""

import textwrap
from collections.abc import Sequence
from typing import Literal

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.cells import CellStackSpec
from pnas_ops.data.priced_net import PricedNet
from pnas_ops.data.specs import TreeBlockSpec
from pnas_ops.data.workload import Workload, workloads

Look = Literal["blocks", "trees", "cells"]


def look_of(net: Architecture | PricedNet) -> Look:
    """How a net is drawn: by its cells or its trees, if it has any."""
    ops = [block.op for block in _architecture(net).blocks]
    if any(isinstance(op, CellStackSpec) for op in ops):
        return "cells"
    return "trees" if any(isinstance(op, TreeBlockSpec) for op in ops) else "blocks"


def priced_workloads(net: Architecture | PricedNet) -> list[tuple[Workload, str]]:
    """The blocks of a net at their shapes, each with its latency as a text, empty if unknown.

    Raises:
        ValueError: for images that are too small for the net.
    """
    found = [workload for (workload,) in workloads(_architecture(net))]
    prices = [""] * len(found)
    if isinstance(net, PricedNet):
        prices = [f"{block_ms:.3f} ms" for block_ms in net.block_ms]
    return list(zip(found, prices, strict=True))


def common_device(nets: Sequence[Architecture | PricedNet]) -> str:
    """The device that all of these nets are priced for; empty if there are several, or none."""
    devices = {net.device for net in nets if isinstance(net, PricedNet)}
    return devices.pop() if len(devices) == 1 else ""


def net_title(net: Architecture | PricedNet, common: str) -> str:
    """The name of a net, and its latency if known; with its device unless that is `common` to all."""
    if not isinstance(net, PricedNet):
        return net.name
    where = "" if common else f" on {net.device}"
    return f"{net.architecture.name}: {net.total_ms:.3f} ms predicted{where}"


def wrapped(text: str, inches: float, *, points: float) -> str:
    """A text in lines that are not wider than that, in letters of that size."""
    # A letter is a bit more than half as wide as high; a point is 1/72 inch.
    return textwrap.fill(text, int(inches * 72 / (0.6 * points)))


def _architecture(net: Architecture | PricedNet) -> Architecture:
    return net.architecture if isinstance(net, PricedNet) else net
