"""ProxylessNAS for any PyTorch module: binary gates, exact gate gradients, alternating search, derivation."""

from pnas_supernet.freezing import batch_statistics_untouched, frozen_parameters
from pnas_supernet.gate_gradient import gated_output
from pnas_supernet.history import DivergenceError, EpochRecord, relative_entropy
from pnas_supernet.mixed_op import (
    MixedOp,
    active_paths,
    alpha_parameters,
    mixed_ops,
    sample_paths,
    weight_parameters,
)
from pnas_supernet.path import (
    ExactGate,
    Path,
    Sampler,
    SinglePath,
    TwoPathGate,
    sample_exact_gate,
    sample_single,
    sample_two_path_gate,
    sample_uniform,
)
from pnas_supernet.search import Batches, Search, SearchConfig
from pnas_supernet.steps import Loss, Penalty, StepResult, arch_step, weight_step
from pnas_supernet.supernet import SuperNet, derive, extract, extract_candidates

__all__ = [
    # the over-parameterized operation, and the path that is alive in it
    "MixedOp",
    "mixed_ops",
    "alpha_parameters",
    "weight_parameters",
    "active_paths",
    "Path",
    "SinglePath",
    "ExactGate",
    "TwoPathGate",
    # sampling
    "Sampler",
    "sample_paths",
    "sample_uniform",
    "sample_single",
    "sample_exact_gate",
    "sample_two_path_gate",
    # gradients and steps
    "gated_output",
    "frozen_parameters",
    "batch_statistics_untouched",
    "Loss",
    "Penalty",
    "StepResult",
    "weight_step",
    "arch_step",
    # the search
    "Batches",
    "Search",
    "SearchConfig",
    "EpochRecord",
    "DivergenceError",
    "relative_entropy",
    # the network of a space, and what is found in it
    "SuperNet",
    "derive",
    "extract",
    "extract_candidates",
]
