"""Candidate operations, search spaces and architectures as plain data, and the PyTorch networks they describe."""

from pnas_ops.build import Mix, build_block, build_network, build_op, build_space, initialize
from pnas_ops.counting import architecture_macs, architecture_parameters, count_macs, count_parameters
from pnas_ops.files import write_atomically
from pnas_ops.layers import AveragePool, Block, Bottleneck, Classifier, Conv, GroupedConv, MBConv, SeparableConv, Zero
from pnas_ops.measurement import (
    MAX_DRIFT,
    Call,
    DeviceInfo,
    Measurement,
    Progress,
    combine,
    processor_name,
    summarize,
    tell,
    walk,
)
from pnas_ops.original_checkpoint import load_original_checkpoint
from pnas_ops.original_config import read_original_config
from pnas_ops.parts import block_parts
from pnas_ops.pyramid import LinearConv, PreActivationConv, PreActivationSeparableConv, Tree, TreeBlock, TreeCell
from pnas_ops.pyramid_nets import cifar_tree_space, pyramid_tree_architecture, pyramid_widths, tree_edges
from pnas_ops.released import RELEASED, ReleasedName, released
from pnas_ops.serialization import from_json, load_json, save_json, structure, to_json
from pnas_ops.space import Architecture, BaseSpace, SearchSpace, Stage
from pnas_ops.spaces import (
    cifar_mbconv_space,
    digits_mbconv_space,
    imagenet_mbconv_space,
    mbconv_candidates,
    scale_width,
)
from pnas_ops.specs import (
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
from pnas_ops.tree_space import Space, TreeSpace, TreeStage
from pnas_ops.workload import Workload, workload_parts, workloads

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
    "tell",
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
]
