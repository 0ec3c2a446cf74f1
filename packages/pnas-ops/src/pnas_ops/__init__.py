"""Candidate operations, search spaces and architectures as plain data, and the PyTorch networks they describe."""

from importlib.metadata import version

from pnas_ops.data.account import VALUE_BYTES, Account, AccountError, AccountLine, Alive, StoredDtype
from pnas_ops.data.architecture import Architecture
from pnas_ops.data.batches import Batches, Score
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cell_operations import (
    FactorizedReduceSpec,
    NoneSpec,
    ReluConvSpec,
    ReluSeparableConvSpec,
    ResidualReductionSpec,
)
from pnas_ops.data.cell_space import CellSpace
from pnas_ops.data.cell_spaces import (
    DARTS_OPERATIONS,
    NAS_BENCH_201_OPERATIONS,
    darts_imagenet_space,
    darts_space,
    full_cell,
    nas_bench_201_space,
)
from pnas_ops.data.cells import CellEdge, CellSpec, CellStackSpec
from pnas_ops.data.choice_space import random_choices
from pnas_ops.data.cost_terms import Condition, CostTerm, HasConditions, HasCostTerms
from pnas_ops.data.errors import PnasError, in_one_line
from pnas_ops.data.genotypes import GenotypeError, genotype_text, read_genotype
from pnas_ops.data.html_table import html_table
from pnas_ops.data.listings import counted, shortened
from pnas_ops.data.liveness import MemoryStep, alive_over_time
from pnas_ops.data.module_space import ModuleArchitecture, ModuleSpace, ModuleWorkload, Place
from pnas_ops.data.network_space import NetworkSpace
from pnas_ops.data.network_stage import NetworkStage
from pnas_ops.data.own_operation import OperationError, OwnOperation
from pnas_ops.data.preprocessing import Preprocessing
from pnas_ops.data.priced_net import PricedNet
from pnas_ops.data.primitives import Primitive, PrimitiveError, primitives
from pnas_ops.data.pyramid_nets import cifar_tree_space, pyramid_tree_architecture, tree_edges
from pnas_ops.data.ranges import Range
from pnas_ops.data.ranks import rank_correlation
from pnas_ops.data.runtime_rules import IN_PLACE_RULES, TFLITE_RULES, FileStructure, RuntimeRules
from pnas_ops.data.sizes import cell_space_size, trellis_paths
from pnas_ops.data.space import SearchSpace, Stage
from pnas_ops.data.spaces import (
    MCUNET_MEAN_MACS,
    cifar_mbconv_space,
    cifar_network_space,
    digits_mbconv_space,
    digits_network_space,
    imagenet_mbconv_space,
    mbconv_candidates,
    mcunet_space,
    nas_bench_macro_space,
)
from pnas_ops.data.specs import (
    BasicBlockSpec,
    BottleneckSpec,
    CellOpSpec,
    ClassifierSpec,
    ConvSpec,
    EdgeSpec,
    GlobalPoolSpec,
    GroupedConvSpec,
    IdentitySpec,
    LinearConvSpec,
    MBConvSpec,
    OpSpec,
    PoolSpec,
    PreActivationSeparableConvSpec,
    SeparableConvSpec,
    ShuffleUnitSpec,
    TreeBlockSpec,
    UpsampleSpec,
    ZeroSpec,
)
from pnas_ops.data.tree_space import Space, TreeSpace, TreeStage
from pnas_ops.data.tree_texts import cells_texts, edge_name, half_edges, tree_text
from pnas_ops.data.trellis import TrellisSpace
from pnas_ops.data.workload import (
    AnyNet,
    AnySpace,
    AnyWorkload,
    Workload,
    cost_terms,
    workload_parts,
    workloads,
)
from pnas_ops.drawing.architectures import draw_architectures
from pnas_ops.drawing.figures import KERNEL_COLORS, kernel_color, new_figure, save_figure
from pnas_ops.drawing.memory import draw_memory
from pnas_ops.drawing.primitives import draw_primitives
from pnas_ops.drawing.recurrent_cell import draw_recurrent_cell
from pnas_ops.drawing.scalings import draw_compound_grid, draw_scalings
from pnas_ops.exploring.accuracy_table import (
    AccuracyTable,
    AccuracyTableError,
    KnownNet,
    TableJudge,
    UnknownAccuracyError,
    read_nas_bench_macro,
)
from pnas_ops.exploring.evolution import RegularizedEvolution
from pnas_ops.exploring.feasible_nets import FeasibleNets, ScarceNetsError
from pnas_ops.exploring.local_search import LocalSearch
from pnas_ops.exploring.plain_strategy import PlainStrategy
from pnas_ops.exploring.predictor import AccuracyPredictor, fit_predictor
from pnas_ops.exploring.predictor_search import PredictorSearch
from pnas_ops.exploring.protocols import Choices, Judge, Judgement, Strategy, Trial
from pnas_ops.exploring.proxies import ProxyError, ProxyJudge, naswot, naswot_judge, synflow, synflow_judge
from pnas_ops.exploring.simple_search import GridSearch, RandomSearch
from pnas_ops.files.atomic import FilePath, sha256_of, staged_file, write_atomically
from pnas_ops.files.folders import replaced_folder
from pnas_ops.files.leftovers import clear_leftovers, recover
from pnas_ops.files.own_operations import code_of, load_operations, own_operations
from pnas_ops.files.serialization import (
    FormatError,
    UnknownOperationError,
    from_dict,
    from_json,
    load_json,
    load_space,
    parse_json,
    save_json,
    space_from_dict,
    to_json,
)
from pnas_ops.files.weights import load_weights, read_weights, save_weights
from pnas_ops.modules.accounting import account_of, architecture_account
from pnas_ops.modules.build import build_block, build_network, build_op, initialize_weights
from pnas_ops.modules.build_space import build_space
from pnas_ops.modules.cells import Cell, CellStack, Sum, drop_what_is_not_taken
from pnas_ops.modules.checking import check_operations, own_operations_of
from pnas_ops.modules.counting import (
    architecture_macs,
    architecture_parameters,
    count_macs,
    count_parameters,
    forward_macs,
    workload_macs,
)
from pnas_ops.modules.elastic import ElasticNetwork, Mix
from pnas_ops.modules.evaluating import evaluating
from pnas_ops.modules.layers import Block, Classifier, MBConv, Zero
from pnas_ops.modules.timed import ModuleBuilder, NoBuilderError, build_timed, example_inputs
from pnas_ops.modules.trees import Tree, TreeBlock, TreeCell
from pnas_ops.nets.baselines import BASELINES, BaselineName, baseline
from pnas_ops.nets.compound_scaling import DIMENSIONS, CompoundScaling, Dimension, compound_grid, multiple_alone
from pnas_ops.nets.errors import ArchitectureError
from pnas_ops.nets.scaling import scaled
from pnas_ops.nets.torchvision_weights import torchvision_weights
from pnas_ops.original.checkpoint import load_original_checkpoint
from pnas_ops.original.config import read_original_config
from pnas_ops.original.released import RELEASED, ReleasedName, released
from pnas_ops.timing.measurement import (
    DeviceInfo,
    Measurement,
    combine_sessions,
    processor_name,
    summarize_samples,
    summarize_walk,
)
from pnas_ops.timing.probe import PROBE, build_probe
from pnas_ops.timing.walk import Progress, TimedCall, WalkSamples, report_progress, time_walks

__version__ = version("pnas-ops")

__all__ = [
    "__version__",
    # data: operations and blocks,
    "OpSpec",
    "ConvSpec",
    "LinearConvSpec",
    "SeparableConvSpec",
    "PreActivationSeparableConvSpec",
    "GroupedConvSpec",
    "BottleneckSpec",
    "BasicBlockSpec",
    "ShuffleUnitSpec",
    "MBConvSpec",
    "TreeBlockSpec",
    "EdgeSpec",
    "CellSpec",
    "CellEdge",
    "CellStackSpec",
    "CellOpSpec",
    "ReluConvSpec",
    "ReluSeparableConvSpec",
    "FactorizedReduceSpec",
    "ResidualReductionSpec",
    "NoneSpec",
    "PoolSpec",
    "UpsampleSpec",
    "GlobalPoolSpec",
    "ZeroSpec",
    "IdentitySpec",
    "ClassifierSpec",
    "BlockSpec",
    "OwnOperation",
    "OperationError",
    # operations compared with one another,
    "primitives",
    "Primitive",
    "PrimitiveError",
    # spaces and nets of them, some by name,
    "Space",
    "SearchSpace",
    "Stage",
    "TreeSpace",
    "TreeStage",
    "NetworkSpace",
    "NetworkStage",
    "TrellisSpace",
    "Architecture",
    "PricedNet",
    "Range",
    "imagenet_mbconv_space",
    "cifar_mbconv_space",
    "digits_mbconv_space",
    "cifar_network_space",
    "digits_network_space",
    "mcunet_space",
    "MCUNET_MEAN_MACS",
    "nas_bench_macro_space",
    "mbconv_candidates",
    "cifar_tree_space",
    "pyramid_tree_architecture",
    "tree_edges",
    "CellSpace",
    "nas_bench_201_space",
    "NAS_BENCH_201_OPERATIONS",
    "darts_space",
    "darts_imagenet_space",
    "DARTS_OPERATIONS",
    "full_cell",
    "read_genotype",
    "genotype_text",
    "GenotypeError",
    "cell_space_size",
    "trellis_paths",
    "random_choices",
    # strategies and judges
    "Strategy",
    "Judge",
    "Judgement",
    "Trial",
    "Choices",
    # strategies without a supernet, and the nets that they may ask for,
    "FeasibleNets",
    "ScarceNetsError",
    "PlainStrategy",
    "RandomSearch",
    "GridSearch",
    "RegularizedEvolution",
    "LocalSearch",
    "PredictorSearch",
    # judges that train no net: a table, proxies, a predictor
    "read_nas_bench_macro",
    "AccuracyTable",
    "KnownNet",
    "TableJudge",
    "AccuracyTableError",
    "UnknownAccuracyError",
    "synflow",
    "synflow_judge",
    "naswot",
    "naswot_judge",
    "ProxyJudge",
    "ProxyError",
    "fit_predictor",
    "AccuracyPredictor",
    "rank_correlation",
    # spaces of a user's own module, and what both kinds have in common,
    "ModuleSpace",
    "ModuleArchitecture",
    "ModuleWorkload",
    "Place",
    "AnySpace",
    "AnyNet",
    "AnyWorkload",
    # what has a latency, what goes into a net, and mistakes that a user can fix
    "Workload",
    "workloads",
    "workload_parts",
    "CostTerm",
    "HasCostTerms",
    "cost_terms",
    "Condition",
    "HasConditions",
    "RuntimeRules",
    "FileStructure",
    "TFLITE_RULES",
    "IN_PLACE_RULES",
    "Preprocessing",
    "Batches",
    "Score",
    "PnasError",
    "in_one_line",
    # nets as texts
    "tree_text",
    "cells_texts",
    "edge_name",
    "half_edges",
    "html_table",
    "counted",
    "shortened",
    # files: JSON, weights, and files and folders that are either complete or absent
    "to_json",
    "from_json",
    "FormatError",
    "from_dict",
    "save_json",
    "load_json",
    "parse_json",
    "load_space",
    "space_from_dict",
    # user-defined operations in files
    "own_operations",
    "load_operations",
    "code_of",
    "UnknownOperationError",
    "save_weights",
    "load_weights",
    "read_weights",
    "write_atomically",
    "staged_file",
    "replaced_folder",
    "recover",
    "clear_leftovers",
    "sha256_of",
    "FilePath",
    # modules: what the data describes, built and counted
    "build_network",
    "build_block",
    "build_op",
    "build_space",
    "Mix",
    "ElasticNetwork",
    "build_timed",
    "example_inputs",
    "ModuleBuilder",
    "NoBuilderError",
    "initialize_weights",
    "Block",
    "MBConv",
    "Zero",
    "Classifier",
    "Tree",
    "TreeCell",
    "TreeBlock",
    "Cell",
    "CellStack",
    "Sum",
    "drop_what_is_not_taken",
    "own_operations_of",
    "check_operations",
    "count_parameters",
    "count_macs",
    "forward_macs",
    "workload_macs",
    "architecture_parameters",
    "architecture_macs",
    "evaluating",
    # accounts: what each operator of a net computes, holds and moves
    "account_of",
    "architecture_account",
    "Account",
    "AccountLine",
    "Alive",
    "AccountError",
    "StoredDtype",
    "VALUE_BYTES",
    "alive_over_time",
    "MemoryStep",
    # timing: what a device reports, and the walk by which blocks predict nets
    "DeviceInfo",
    "processor_name",
    "Measurement",
    "PROBE",
    "build_probe",
    "TimedCall",
    "time_walks",
    "WalkSamples",
    "summarize_walk",
    "summarize_samples",
    "combine_sessions",
    "Progress",
    "report_progress",
    # original: what ProxylessNAS published
    "RELEASED",
    "ReleasedName",
    "released",
    "read_original_config",
    "load_original_checkpoint",
    # nets: published nets, and larger and smaller ones
    "BASELINES",
    "BaselineName",
    "baseline",
    "torchvision_weights",
    "scaled",
    "CompoundScaling",
    "compound_grid",
    "multiple_alone",
    "Dimension",
    "DIMENSIONS",
    "ArchitectureError",
    # drawing: nets as pictures
    "draw_architectures",
    "draw_recurrent_cell",
    "draw_memory",
    "draw_primitives",
    "draw_scalings",
    "draw_compound_grid",
    "new_figure",
    "save_figure",
    "KERNEL_COLORS",
    "kernel_color",
]
