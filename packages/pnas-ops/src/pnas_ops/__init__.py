"""Candidate operations, search spaces and architectures as plain data, and the PyTorch networks they describe."""

from pnas_ops.data.batches import Batches
from pnas_ops.data.block_parts import block_parts
from pnas_ops.data.errors import PnasError
from pnas_ops.data.preprocessing import Preprocessing
from pnas_ops.data.priced_net import PricedNet
from pnas_ops.data.pyramid_nets import cifar_tree_space, pyramid_tree_architecture, pyramid_widths, tree_edges
from pnas_ops.data.space import Architecture, BaseSpace, SearchSpace, Stage
from pnas_ops.data.spaces import (
    cifar_mbconv_space,
    digits_mbconv_space,
    imagenet_mbconv_space,
    mbconv_candidates,
    scale_width,
)
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
from pnas_ops.data.workload import Workload, workload_parts, workloads
from pnas_ops.drawing.architectures import draw_architectures
from pnas_ops.drawing.figures import KERNEL_COLORS, kernel_color, new_figure, save_figure
from pnas_ops.drawing.tree_texts import edge_name, half_edges, tree_text
from pnas_ops.files.atomic import FilePath, write_atomically
from pnas_ops.files.serialization import from_json, load_json, save_json, structure, to_json
from pnas_ops.modules.build import Mix, build_block, build_network, build_op, build_space, initialize
from pnas_ops.modules.counting import architecture_macs, architecture_parameters, count_macs, count_parameters
from pnas_ops.modules.layers import (
    AveragePool,
    Block,
    Bottleneck,
    Classifier,
    Conv,
    GroupedConv,
    MBConv,
    SeparableConv,
    Zero,
)
from pnas_ops.modules.trees import LinearConv, PreActivationConv, PreActivationSeparableConv, Tree, TreeBlock, TreeCell
from pnas_ops.original.checkpoint import load_original_checkpoint
from pnas_ops.original.config import read_original_config
from pnas_ops.original.released import RELEASED, ReleasedName, released
from pnas_ops.timing.measurement import (
    MAX_DRIFT,
    Call,
    DeviceInfo,
    Measurement,
    Progress,
    combine,
    processor_name,
    report_progress,
    summarize,
    walk,
)

__all__ = [
    # plain data: operations, blocks, spaces, nets
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
    "Space",
    "BaseSpace",
    "Stage",
    "SearchSpace",
    "TreeStage",
    "TreeSpace",
    "Architecture",
    "Preprocessing",
    # what has a latency, and what was measured
    "Workload",
    "workloads",
    "workload_parts",
    "block_parts",
    "DeviceInfo",
    "processor_name",
    "Measurement",
    "MAX_DRIFT",
    "Progress",
    "report_progress",
    "summarize",
    "combine",
    "walk",
    "Call",
    # named spaces
    "imagenet_mbconv_space",
    "cifar_mbconv_space",
    "digits_mbconv_space",
    "cifar_tree_space",
    "mbconv_candidates",
    "scale_width",
    # named nets
    "released",
    "RELEASED",
    "ReleasedName",
    "pyramid_tree_architecture",
    "pyramid_widths",
    "tree_edges",
    # the original's files
    "read_original_config",
    "load_original_checkpoint",
    # JSON and files
    "to_json",
    "from_json",
    "save_json",
    "load_json",
    "structure",
    "write_atomically",
    "FilePath",
    "Batches",
    "PnasError",
    # modules
    "build_op",
    "build_block",
    "build_network",
    "build_space",
    "Mix",
    "initialize",
    "Block",
    "Conv",
    "SeparableConv",
    "GroupedConv",
    "Bottleneck",
    "MBConv",
    "AveragePool",
    "Zero",
    "Classifier",
    "LinearConv",
    "PreActivationConv",
    "PreActivationSeparableConv",
    "Tree",
    "TreeCell",
    "TreeBlock",
    # size and work
    "count_parameters",
    "count_macs",
    "architecture_parameters",
    "architecture_macs",
    # nets as pictures and short texts
    "PricedNet",
    "draw_architectures",
    "edge_name",
    "half_edges",
    "tree_text",
    "KERNEL_COLORS",
    "kernel_color",
    "new_figure",
    "save_figure",
]
