"""ProxylessNAS for any PyTorch module: binary gates, exact gate gradients, alternating search, derivation."""

from importlib.metadata import version

from pnas_supernet.drawing.choices import draw_choices
from pnas_supernet.drawing.search import draw_search
from pnas_supernet.gates.alphas import active_alphas, copied_alphas
from pnas_supernet.gates.estimators import gated_output, mixture_output, sum_output, two_path_output
from pnas_supernet.gates.fair_paths import FairPaths
from pnas_supernet.gates.freezing import buffers_untouched, frozen_parameters
from pnas_supernet.gates.memory import saved_bytes
from pnas_supernet.gates.mixed_op import (
    MixedOp,
    active_paths,
    alpha_parameters,
    initialize_alphas,
    mixed_ops,
    weight_parameters,
)
from pnas_supernet.gates.modes import TrainingMode, evaluating
from pnas_supernet.gates.path import (
    ExactGate,
    GatePath,
    Mixture,
    OneShotSum,
    Sampler,
    SettlingPath,
    SinglePath,
    TwoPathGate,
    sample_exact_gate,
    sample_single,
    sample_two_path_gate,
    sample_uniform,
    take_mixture,
    take_sum,
)
from pnas_supernet.gates.sampling import sample_paths
from pnas_supernet.gates.sharing import choice_numbers
from pnas_supernet.gates.supernet import SuperNet, derive, extract, extract_candidates
from pnas_supernet.gates.surroundings import seeded
from pnas_supernet.judging.inherited_weights import InheritedWeights
from pnas_supernet.judging.recalibration import recalibrate
from pnas_supernet.judging.supernet_strategy import SupernetStrategy
from pnas_supernet.replaying.replays import RecordedCandidates
from pnas_supernet.running.checkpoint import (
    CheckpointError,
    delete_checkpoint,
    has_checkpoint,
    load_checkpoint,
    save_checkpoint,
    taking_state,
)
from pnas_supernet.running.proxyless_nas import ProxylessNAS
from pnas_supernet.running.proxyless_sweep import ProxylessSweep
from pnas_supernet.running.state_checks import refuse_not_finite_state, refuse_other_optimizer
from pnas_supernet.searching.arch_steps import (
    AdaptiveObjective,
    ArchStep,
    Estimator,
    GateStep,
    HasMultipliers,
    ReinforceStep,
    Reward,
    RewardBaseline,
)
from pnas_supernet.searching.classification import accuracy
from pnas_supernet.searching.execution import Execution, Loss, StepResult
from pnas_supernet.searching.history import EpochRecord, relative_entropy
from pnas_supernet.searching.optimizers import begin_momentum, lay_out_momentum
from pnas_supernet.searching.parallel import (
    DesynchronizedError,
    LostProcessError,
    average,
    check_identical,
    exchange,
)
from pnas_supernet.searching.passes import BatchesError
from pnas_supernet.searching.precision import AUTOCAST_DTYPES, Precision
from pnas_supernet.searching.readings import DivergenceError, Readings
from pnas_supernet.searching.search_config import SearchConfig
from pnas_supernet.searching.steps import Objective, arch_step, weight_step
from pnas_supernet.searching.tuning import NotRepeatableError, default_precision, tuned
from pnas_supernet.spaces.convolutions import convolutions
from pnas_supernet.spaces.imitation import Imitation, Imitations, imitate
from pnas_supernet.spaces.inner_widths import inner_widths
from pnas_supernet.spaces.inverted_residuals import inverted_residuals
from pnas_supernet.spaces.module_supernet import ModuleSuperNet
from pnas_supernet.spaces.place_error import PlaceError
from pnas_supernet.spaces.rules import Rule, first_of, with_skip
from pnas_supernet.spaces.search_space import search_space_of

__version__ = version("pnas-supernet")

__all__ = [
    "__version__",
    # gates: the over-parameterized operation, and its active path,
    "MixedOp",
    "mixed_ops",
    "alpha_parameters",
    "choice_numbers",
    "weight_parameters",
    "initialize_alphas",
    "active_alphas",
    "copied_alphas",
    "active_paths",
    "GatePath",
    "SettlingPath",
    "SinglePath",
    "ExactGate",
    "TwoPathGate",
    "Mixture",
    "OneShotSum",
    # how paths are sampled,
    "Sampler",
    "sample_paths",
    "FairPaths",
    "sample_uniform",
    "sample_single",
    "sample_exact_gate",
    "sample_two_path_gate",
    "take_mixture",
    "take_sum",
    # estimators of alpha's gradient,
    "gated_output",
    "two_path_output",
    "mixture_output",
    "sum_output",
    # the network of a space, and the nets in it,
    "SuperNet",
    "derive",
    "extract",
    "extract_candidates",
    # what a step leaves unchanged, keeps in memory and draws from
    "frozen_parameters",
    "buffers_untouched",
    "saved_bytes",
    "seeded",
    # training and evaluation mode,
    "TrainingMode",
    "evaluating",
    # replaying: candidates from CUDA graphs
    "RecordedCandidates",
    # searching: single steps, and how they are computed,
    "weight_step",
    "arch_step",
    "Loss",
    "Objective",
    "accuracy",
    "StepResult",
    "Execution",
    "Precision",
    "AUTOCAST_DTYPES",
    "Readings",
    "DivergenceError",
    "BatchesError",
    # how a device computes,
    "tuned",
    "default_precision",
    "NotRepeatableError",
    # how alpha learns in a search,
    "ArchStep",
    "GateStep",
    "AdaptiveObjective",
    "HasMultipliers",
    "ReinforceStep",
    "Reward",
    "Estimator",
    "RewardBaseline",
    # hyper-parameters, optimizers and records,
    "SearchConfig",
    "begin_momentum",
    "lay_out_momentum",
    "EpochRecord",
    "relative_entropy",
    # several processes that work as one
    "average",
    "check_identical",
    "exchange",
    "DesynchronizedError",
    "LostProcessError",
    # spaces: a user's net becomes a space,
    "search_space_of",
    "ModuleSuperNet",
    "PlaceError",
    # by rules for the places that may change,
    "Rule",
    "inverted_residuals",
    "inner_widths",
    "convolutions",
    "with_skip",
    "first_of",
    # and candidates learn to fit in there
    "imitate",
    "Imitation",
    "Imitations",
    # running: the search from beginning to end, and its checkpoints
    "ProxylessNAS",
    "ProxylessSweep",
    "save_checkpoint",
    "load_checkpoint",
    "taking_state",
    "refuse_not_finite_state",
    "refuse_other_optimizer",
    "has_checkpoint",
    "delete_checkpoint",
    "CheckpointError",
    # judging: nets with the weights of their supernet, and supernets that propose nets
    "InheritedWeights",
    "recalibrate",
    "SupernetStrategy",
    # drawing: a search as a picture
    "draw_choices",
    "draw_search",
]
