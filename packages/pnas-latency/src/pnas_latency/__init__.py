"""Latency tables measured on your device, and the differentiable expectation of them."""

from pnas_latency.choosing.budget import Budget
from pnas_latency.choosing.infeasible import InfeasibleBudgetError
from pnas_latency.choosing.landing import Attempt, Landing, check_budget, land
from pnas_latency.choosing.limit import Limit
from pnas_latency.choosing.within_budget import choose_within_budget
from pnas_latency.devices.torch_device import TorchDevice
from pnas_latency.drawing.validation import draw_validation
from pnas_latency.metrics.counts import MACS, PARAMETERS, peak_activation_bytes, weight_bytes
from pnas_latency.metrics.expectation import expected_cost, expected_max
from pnas_latency.metrics.metric import Metric, UnknownCostError
from pnas_latency.objectives.objective import (
    AbsolutePenalty,
    Constraint,
    ExpectedObjective,
    LinearPenalty,
    MultiplicativeLog,
    Term,
)
from pnas_latency.objectives.reinforce import MovingBaseline, absolute_reward, mnasnet_reward, reinforce_loss
from pnas_latency.tables.calibration import Calibration, fit_calibration
from pnas_latency.tables.device import Device
from pnas_latency.tables.entries import NetEntry, TableEntry
from pnas_latency.tables.measuring import measure_table
from pnas_latency.tables.missing import MissingNetsError, MissingWorkloadsError
from pnas_latency.tables.provenance import ForeignTableError
from pnas_latency.tables.table import LatencyTable
from pnas_latency.tables.validation import Validation, compare_predictions
from pnas_latency.tables.validation_nets import ValidationNet, validation_nets
from pnas_latency.tables.yaml_tables import (
    read_ofa_yaml,
    read_proxylessnas_yaml,
    write_ofa_yaml,
    write_proxylessnas_yaml,
)

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
    "MissingNetsError",
    "ForeignTableError",
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
    "ExpectedObjective",
    "Term",
    "LinearPenalty",
    "AbsolutePenalty",
    "MultiplicativeLog",
    "Constraint",
    # the most probable net that a budget allows
    "Limit",
    "choose_within_budget",
    "InfeasibleBudgetError",
    "Budget",
    "check_budget",
    "land",
    "Landing",
    "Attempt",
    # rewards instead of gradients
    "reinforce_loss",
    "MovingBaseline",
    "mnasnet_reward",
    "absolute_reward",
    # anything else that a net costs
    "Metric",
    "UnknownCostError",
    "MACS",
    "PARAMETERS",
    "weight_bytes",
    "peak_activation_bytes",
    # a table as a picture
    "draw_validation",
]
