"""Latency tables measured on your device, and the differentiable expectation of them."""

from importlib.metadata import version

from pnas_latency.choosing.budget import Budget
from pnas_latency.choosing.fitting import fitted_probs
from pnas_latency.choosing.infeasible import InfeasibleBudgetError
from pnas_latency.choosing.landing import Attempt, Landing, check_budget, land_on_budget
from pnas_latency.choosing.limit import Limit
from pnas_latency.choosing.most_probable import FewerNetsWarning, most_probable_within_budget
from pnas_latency.choosing.near_cost import NearCost
from pnas_latency.choosing.near_limit import most_probable_near_limit, narrowed_limits, pressed_limit
from pnas_latency.choosing.pooling import PoolingError, pooled_probs
from pnas_latency.choosing.space_design import SpaceDesign, SpaceOutlook, design_spaces
from pnas_latency.choosing.within_budget import UnprovenChoiceWarning, choose_within_budget
from pnas_latency.controlling.controller import RecurrentController
from pnas_latency.controlling.limits import feasible_nets
from pnas_latency.controlling.reinforce_search import ReinforceSearch
from pnas_latency.devices.launching import TorchMode
from pnas_latency.devices.torch_device import TorchDevice, TorchDeviceError, TorchDtype
from pnas_latency.drawing.places import draw_places
from pnas_latency.drawing.space_design import draw_space_design
from pnas_latency.drawing.tastes import draw_tastes
from pnas_latency.drawing.validation import draw_validation
from pnas_latency.metrics.counts import MACS, PARAMETERS, file_bytes, peak_activation_bytes, weight_bytes
from pnas_latency.metrics.expectation import expected_cost, expected_max
from pnas_latency.metrics.metric import Metric, UnknownCostError
from pnas_latency.objectives.constraint import Constraint
from pnas_latency.objectives.expected_objective import ExpectedObjective
from pnas_latency.objectives.penalties import AbsolutePenalty, LinearPenalty, MultiplicativeLog, Term
from pnas_latency.objectives.reinforce import MovingBaseline, absolute_reward, mnasnet_reward, reinforce_loss
from pnas_latency.tables.calibration import Calibration, fit_calibration
from pnas_latency.tables.device import Device
from pnas_latency.tables.entries import NetEntry, TableEntry
from pnas_latency.tables.measuring import measure_net_ms, measure_table
from pnas_latency.tables.missing import MissingNetsError, MissingWorkloadsError
from pnas_latency.tables.provenance import ForeignTableError
from pnas_latency.tables.ranks import rank_correlation
from pnas_latency.tables.table import LatencyTable
from pnas_latency.tables.taste import NoBlocksError, Price, Taste, TimedBlock, taste_of
from pnas_latency.tables.taste_words import taste_sentences
from pnas_latency.tables.validation import Validation, compare_predictions
from pnas_latency.tables.validation_nets import ValidationNet, validation_nets
from pnas_latency.tables.yaml_tables import (
    read_ofa_yaml,
    read_proxylessnas_yaml,
    write_ofa_yaml,
    write_proxylessnas_yaml,
)

__version__ = version("pnas-latency")

__all__ = [
    "__version__",
    # metrics: anything that a net may cost, and its differentiable expectation
    "Metric",
    "MACS",
    "PARAMETERS",
    "weight_bytes",
    "file_bytes",
    "peak_activation_bytes",
    "expected_cost",
    "expected_max",
    "UnknownCostError",
    # tables: measured latencies, their predictions and the errors of these, other projects' files
    "Device",
    "measure_table",
    "measure_net_ms",
    "LatencyTable",
    "TableEntry",
    "NetEntry",
    "ValidationNet",
    "validation_nets",
    "Calibration",
    "fit_calibration",
    "Validation",
    "compare_predictions",
    "rank_correlation",
    "read_proxylessnas_yaml",
    "write_proxylessnas_yaml",
    "read_ofa_yaml",
    "write_ofa_yaml",
    "MissingWorkloadsError",
    "MissingNetsError",
    "ForeignTableError",
    "taste_of",
    "Taste",
    "TimedBlock",
    "Price",
    "taste_sentences",
    "NoBlocksError",
    # objectives: what alpha minimizes if costs matter
    "Term",
    "LinearPenalty",
    "AbsolutePenalty",
    "MultiplicativeLog",
    "Constraint",
    "ExpectedObjective",
    "reinforce_loss",
    "MovingBaseline",
    "mnasnet_reward",
    "absolute_reward",
    # choosing: from probabilities and limits to a net
    "Limit",
    "choose_within_budget",
    "most_probable_within_budget",
    "most_probable_near_limit",
    "narrowed_limits",
    "pressed_limit",
    "fitted_probs",
    "pooled_probs",
    "PoolingError",
    "Budget",
    "check_budget",
    "land_on_budget",
    "NearCost",
    "Landing",
    "Attempt",
    "InfeasibleBudgetError",
    "UnprovenChoiceWarning",
    "FewerNetsWarning",
    "design_spaces",
    "SpaceDesign",
    "SpaceOutlook",
    # controlling: limits and REINFORCE for strategies that propose one net after another
    "feasible_nets",
    "ReinforceSearch",
    "RecurrentController",
    # devices: those that need nothing but PyTorch
    "TorchDevice",
    "TorchMode",
    "TorchDtype",
    "TorchDeviceError",
    # drawing: tables as pictures
    "draw_places",
    "draw_validation",
    "draw_space_design",
    "draw_tastes",
]
