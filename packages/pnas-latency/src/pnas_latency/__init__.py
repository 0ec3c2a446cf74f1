"""Latency tables measured on your device, and the differentiable expectation of them."""

from pnas_latency.calibration import Calibration, fit_calibration
from pnas_latency.choosing import choose_within_budget
from pnas_latency.counts import MACS, PARAMETERS, peak_activation_bytes, weight_bytes
from pnas_latency.device import Device
from pnas_latency.entries import NetEntry, TableEntry
from pnas_latency.expectation import expected_cost, expected_max
from pnas_latency.infeasible import InfeasibleBudgetError
from pnas_latency.limit import Limit
from pnas_latency.measuring import measure_table
from pnas_latency.metric import Metric
from pnas_latency.missing import MissingWorkloadsError
from pnas_latency.nets import ValidationNet, validation_nets
from pnas_latency.objective import LinearPenalty
from pnas_latency.reinforce import MovingBaseline, absolute_reward, mnasnet_reward, reinforce_loss
from pnas_latency.table import LatencyTable
from pnas_latency.torch_device import TorchDevice
from pnas_latency.validation import Validation, compare_predictions
from pnas_latency.yaml_tables import read_ofa_yaml, read_proxylessnas_yaml, write_ofa_yaml, write_proxylessnas_yaml

__all__ = [
    # measuring
    "Device",
    "TorchDevice",
    "measure_table",
    # tables
    "LatencyTable",
    "TableEntry",
    "NetEntry",
    "MissingWorkloadsError",
    # tables of other projects
    "read_proxylessnas_yaml",
    "write_proxylessnas_yaml",
    "read_ofa_yaml",
    "write_ofa_yaml",
    # how good a table is
    "ValidationNet",
    "validation_nets",
    "Calibration",
    "fit_calibration",
    "Validation",
    "compare_predictions",
    # the search's objective
    "expected_cost",
    "expected_max",
    "LinearPenalty",
    # rewards that cannot be differentiated
    "reinforce_loss",
    "MovingBaseline",
    "mnasnet_reward",
    "absolute_reward",
    # the most probable net that a budget allows
    "Limit",
    "choose_within_budget",
    "InfeasibleBudgetError",
    # anything else that a net costs
    "Metric",
    "MACS",
    "PARAMETERS",
    "weight_bytes",
    "peak_activation_bytes",
]
