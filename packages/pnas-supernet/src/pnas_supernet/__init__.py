"""ProxylessNAS for any PyTorch module: binary gates, exact gate gradients, alternating search, derivation."""

from pnas_supernet.drawing.search import draw_search
from pnas_supernet.gates.estimators import gated_output, mixture_output, sum_output, two_path_output
from pnas_supernet.gates.freezing import batch_statistics_untouched, frozen_parameters
from pnas_supernet.gates.memory import saved_bytes
from pnas_supernet.gates.mixed_op import (
    MixedOp,
    active_paths,
    alpha_parameters,
    initialize_alphas,
    mixed_ops,
    sample_paths,
    weight_parameters,
)
from pnas_supernet.gates.path import (
    ExactGate,
    GatePath,
    Mixture,
    OneShotSum,
    Sampler,
    SinglePath,
    TwoPathGate,
    sample_exact_gate,
    sample_single,
    sample_two_path_gate,
    sample_uniform,
    take_mixture,
    take_sum,
)
from pnas_supernet.gates.supernet import SuperNet, derive, extract, extract_candidates
from pnas_supernet.gates.surroundings import seeded
from pnas_supernet.running.checkpoint import (
    CheckpointError,
    delete_checkpoint,
    has_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from pnas_supernet.running.proxyless_nas import ProxylessNAS
from pnas_supernet.searching.arch_steps import (
    AdaptiveObjective,
    ArchStep,
    Estimator,
    GateStep,
    ReinforceStep,
    Reward,
    RewardBaseline,
)
from pnas_supernet.searching.execution import DivergenceError, Execution, Loss, StepResult
from pnas_supernet.searching.history import EpochRecord, relative_entropy
from pnas_supernet.searching.parallel import (
    DesynchronizedError,
    LostProcessError,
    average,
    check_identical,
    exchange,
)
from pnas_supernet.searching.precision import AUTOCAST_DTYPES, Precision
from pnas_supernet.searching.search_config import SearchConfig
from pnas_supernet.searching.steps import Objective, arch_step, weight_step

__all__ = [
    # the over-parameterized operation, and the path that is alive in it
    "MixedOp",
    "mixed_ops",
    "alpha_parameters",
    "weight_parameters",
    "initialize_alphas",
    "active_paths",
    "GatePath",
    "SinglePath",
    "ExactGate",
    "TwoPathGate",
    "Mixture",
    "OneShotSum",
    # sampling
    "Sampler",
    "sample_paths",
    "sample_uniform",
    "sample_single",
    "sample_exact_gate",
    "sample_two_path_gate",
    "take_mixture",
    "take_sum",
    # estimators of alpha's gradient
    "gated_output",
    "two_path_output",
    "mixture_output",
    "sum_output",
    # steps
    "weight_step",
    "arch_step",
    "Loss",
    "Objective",
    "Execution",
    "StepResult",
    "frozen_parameters",
    "batch_statistics_untouched",
    "saved_bytes",
    # how alpha learns in a search
    "ArchStep",
    "GateStep",
    "AdaptiveObjective",
    "ReinforceStep",
    "Reward",
    "Estimator",
    "RewardBaseline",
    # the search
    "ProxylessNAS",
    "SearchConfig",
    "EpochRecord",
    "relative_entropy",
    "DivergenceError",
    "DesynchronizedError",
    "LostProcessError",
    "average",
    "check_identical",
    "exchange",
    "seeded",
    "Precision",
    "AUTOCAST_DTYPES",
    # checkpoints
    "save_checkpoint",
    "load_checkpoint",
    "has_checkpoint",
    "delete_checkpoint",
    "CheckpointError",
    # the network of a space, and what is found in it
    "SuperNet",
    "derive",
    "extract",
    "extract_candidates",
    # a search as a picture
    "draw_search",
]
