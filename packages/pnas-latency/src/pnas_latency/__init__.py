"""Latency tables measured on your device, and the differentiable expectation of them."""

from pnas_latency.device import Device
from pnas_latency.expectation import expected_cost
from pnas_latency.measuring import measure_table
from pnas_latency.objective import LinearPenalty
from pnas_latency.table import LatencyTable, MissingWorkloadsError, TableEntry
from pnas_latency.torch_device import TorchDevice

__all__ = [
    # measuring
    "Device",
    "TorchDevice",
    "measure_table",
    # tables
    "LatencyTable",
    "TableEntry",
    "MissingWorkloadsError",
    # the search's objective
    "expected_cost",
    "LinearPenalty",
]
