"""Candidate operations, search spaces and architectures as plain data, and the PyTorch networks they describe."""

from importlib.metadata import version

from pnas_ops.data.batches import Batches, Score
from pnas_ops.data.errors import PnasError, in_one_line
from pnas_ops.data.html_table import html_table
from pnas_ops.data.listings import counted, shortened
from pnas_ops.data.module_space import ModuleArchitecture, ModuleSpace, ModuleWorkload, Place
from pnas_ops.data.own_operation import OperationError, OwnOperation
from pnas_ops.data.preprocessing import Preprocessing
from pnas_ops.data.priced_net import PricedNet
from pnas_ops.data.pyramid_nets import cifar_tree_space, pyramid_tree_architecture, tree_edges
from pnas_ops.data.ranges import Range
from pnas_ops.data.runtime_rules import TFLITE_RULES, FileStructure, RuntimeRules
from pnas_ops.data.space import Architecture, SearchSpace, Stage
from pnas_ops.data.spaces import cifar_mbconv_space, digits_mbconv_space, imagenet_mbconv_space, mbconv_candidates
from pnas_ops.data.specs import (
    BlockSpec,
    BottleneckSpec,
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
    TreeBlockSpec,
    ZeroSpec,
)
from pnas_ops.data.tree_space import Space, TreeSpace, TreeStage
from pnas_ops.data.tree_texts import edge_name, half_edges, tree_text
from pnas_ops.data.workload import AnyNet, AnySpace, AnyWorkload, Workload, workload_parts, workloads
from pnas_ops.drawing.architectures import draw_architectures
from pnas_ops.drawing.figures import KERNEL_COLORS, kernel_color, new_figure, save_figure
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
from pnas_ops.modules.build import Mix, build_block, build_network, build_op, build_space, initialize_weights
from pnas_ops.modules.checking import check_operations, own_operations_of
from pnas_ops.modules.counting import (
    architecture_macs,
    architecture_parameters,
    count_macs,
    count_parameters,
    forward_macs,
)
from pnas_ops.modules.layers import Block, Classifier, MBConv, Zero
from pnas_ops.modules.timed import ModuleBuilder, NoBuilderError, build_timed, example_inputs
from pnas_ops.modules.trees import Tree, TreeBlock, TreeCell
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
    time_walks,
)
from pnas_ops.timing.walk import Progress, TimedCall, WalkSamples, report_progress

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
    "MBConvSpec",
    "TreeBlockSpec",
    "EdgeSpec",
    "PoolSpec",
    "GlobalPoolSpec",
    "ZeroSpec",
    "IdentitySpec",
    "ClassifierSpec",
    "BlockSpec",
    "OwnOperation",
    "OperationError",
    # spaces and nets of them, some by name,
    "Space",
    "SearchSpace",
    "Stage",
    "TreeSpace",
    "TreeStage",
    "Architecture",
    "PricedNet",
    "Range",
    "imagenet_mbconv_space",
    "cifar_mbconv_space",
    "digits_mbconv_space",
    "mbconv_candidates",
    "cifar_tree_space",
    "pyramid_tree_architecture",
    "tree_edges",
    # spaces of somebody's module, and what both kinds have in common,
    "ModuleSpace",
    "ModuleArchitecture",
    "ModuleWorkload",
    "Place",
    "AnySpace",
    "AnyNet",
    "AnyWorkload",
    # what has a latency, what goes into a net, and mistakes that a user can mend
    "Workload",
    "workloads",
    "workload_parts",
    "RuntimeRules",
    "FileStructure",
    "TFLITE_RULES",
    "Preprocessing",
    "Batches",
    "Score",
    "PnasError",
    "in_one_line",
    # nets as texts
    "tree_text",
    "edge_name",
    "half_edges",
    "html_table",
    "counted",
    "shortened",
    # files: JSON, weights, and files and folders that are whole or not there
    "to_json",
    "from_json",
    "FormatError",
    "from_dict",
    "save_json",
    "load_json",
    "parse_json",
    "load_space",
    "space_from_dict",
    # operations of one's own in files
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
    "own_operations_of",
    "check_operations",
    "count_parameters",
    "count_macs",
    "forward_macs",
    "architecture_parameters",
    "architecture_macs",
    # timing: what a device reports, and the walk that makes blocks predict nets
    "DeviceInfo",
    "processor_name",
    "Measurement",
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
    # drawing: nets as pictures
    "draw_architectures",
    "new_figure",
    "save_figure",
    "KERNEL_COLORS",
    "kernel_color",
]
