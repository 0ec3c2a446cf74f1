"""What stands above nets and below blocks in pictures."""

import textwrap
from collections.abc import Sequence

from pnas_ops.data.priced_net import PricedNet
from pnas_ops.data.space import Architecture

_LINE = 130


def architecture_of(net: Architecture | PricedNet) -> Architecture:
    """The net without its price."""
    return net.architecture if isinstance(net, PricedNet) else net


def block_prices(net: Architecture | PricedNet) -> tuple[str, ...]:
    """The latency of each block as a text; empty ones where it is not known."""
    if isinstance(net, PricedNet):
        return tuple(f"{block_ms:.3f} ms" for block_ms in net.block_ms)
    return ("",) * len(net.blocks)


def common_device(nets: Sequence[Architecture | PricedNet]) -> str:
    """The device that all of these nets are priced for; empty where there are several, or none."""
    devices = {net.device for net in nets if isinstance(net, PricedNet)}
    return textwrap.fill(devices.pop(), _LINE) if len(devices) == 1 else ""


def net_title(net: Architecture | PricedNet, common: str) -> str:
    """The name of a net, and what it takes where that is known; with its device where that is not `common` to all."""
    if not isinstance(net, PricedNet):
        return net.name
    where = "" if common else f" on {net.device}"
    return textwrap.fill(f"{net.architecture.name}: {net.total_ms:.3f} ms predicted{where}", _LINE)
