"""The original's own description of a net (its `net.config`) as plain data: kinds, fields and defaults are its own.

Source: `proxyless_nas/{layers,nas_modules,cifar_modules}.py` and `search/modules/layers.py` of the original.
"""

from collections.abc import Callable
from typing import Any, Literal, get_args

import cattrs
from attrs import field, frozen

from pnas_ops.files.converter import make_converter

Order = Literal["weight_bn_act", "bn_act_weight", "act_weight_bn"]


@frozen(kw_only=True)
class ConvLayer:
    """A convolution with BatchNorm and activation; the shuffle follows the convolution itself."""

    in_channels: int
    out_channels: int
    kernel_size: int = 3
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    bias: bool = False
    has_shuffle: bool = False
    use_bn: bool = True
    act_func: str | None = "relu"
    dropout_rate: float = 0
    ops_order: Order = "weight_bn_act"
    name: Literal["ConvLayer"] = "ConvLayer"


@frozen(kw_only=True)
class DepthConvLayer:
    """A depthwise and a 1x1 convolution, the latter in `groups`, with one BatchNorm and one activation."""

    in_channels: int
    out_channels: int
    kernel_size: int = 3
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    bias: bool = False
    has_shuffle: bool = False
    use_bn: bool = True
    act_func: str | None = "relu"
    dropout_rate: float = 0
    ops_order: Order = "weight_bn_act"
    name: Literal["DepthConvLayer"] = "DepthConvLayer"


@frozen(kw_only=True)
class PoolingLayer:
    """Pooling, with "same" padding if the stride is 1, else none; the padding does not count."""

    in_channels: int
    out_channels: int
    pool_type: Literal["avg", "max"]
    kernel_size: int = 2
    stride: int = 2
    use_bn: bool = False
    act_func: str | None = None
    dropout_rate: float = 0
    ops_order: Order = "weight_bn_act"
    name: Literal["PoolingLayer"] = "PoolingLayer"


@frozen(kw_only=True)
class IdentityLayer:
    """BatchNorm and activation alone, or nothing."""

    in_channels: int
    out_channels: int
    use_bn: bool = False
    act_func: str | None = None
    dropout_rate: float = 0
    ops_order: Order = "weight_bn_act"
    name: Literal["IdentityLayer"] = "IdentityLayer"


@frozen(kw_only=True)
class LinearLayer:
    """A linear layer."""

    in_features: int
    out_features: int
    bias: bool = True
    use_bn: bool = False
    act_func: str | None = None
    dropout_rate: float = 0
    ops_order: Order = "weight_bn_act"
    name: Literal["LinearLayer"] = "LinearLayer"


@frozen(kw_only=True)
class MBInvertedConvLayer:
    """An inverted bottleneck with ReLU6; `mid_channels` inside where it is not None."""

    in_channels: int
    out_channels: int
    kernel_size: int = 3
    stride: int = 1
    expand_ratio: int = 6
    mid_channels: int | None = None
    name: Literal["MBInvertedConvLayer"] = "MBInvertedConvLayer"


@frozen(kw_only=True)
class ZeroLayer:
    """Nothing; a block that holds it returns its input."""

    stride: int
    name: Literal["ZeroLayer"] = "ZeroLayer"


Layer = ConvLayer | DepthConvLayer | PoolingLayer | IdentityLayer | LinearLayer | MBInvertedConvLayer | ZeroLayer
MaybeLayer = Layer | None


@frozen(kw_only=True)
class MobileInvertedResidualBlock:
    """A layer and its shortcut."""

    mobile_inverted_conv: Layer
    shortcut: MaybeLayer
    name: Literal["MobileInvertedResidualBlock"] = "MobileInvertedResidualBlock"


@frozen(kw_only=True)
class TreeNode:
    """Branches, each with an edge and a child node; either may be missing."""

    edges: tuple[MaybeLayer, ...]
    child_nodes: "tuple[TreeNode | None, ...]"
    in_channels: int
    out_channels: int
    split_type: Literal["copy", "split"] | None = "copy"
    merge_type: Literal["add", "concat"] | None = "add"
    has_branch_bn: bool = False
    path_drop_rate: float = 0
    name: Literal["TreeNode"] = "TreeNode"


@frozen(kw_only=True)
class ResidualTreeBlock:
    """A tree between two layers, BatchNorm after them, and the shortcut."""

    shortcut: MaybeLayer
    in_bottle: MaybeLayer
    out_bottle: MaybeLayer
    cell: TreeNode
    final_bn: bool = True
    cell_drop_rate: float = 0
    name: Literal["ResidualTreeBlock"] = "ResidualTreeBlock"


@frozen(kw_only=True)
class TransitionBlock:
    """Layers in sequence."""

    layers: tuple[Layer, ...]
    name: Literal["TransitionBlock"] = "TransitionBlock"


TreeNetBlock = TransitionBlock | ResidualTreeBlock


@frozen(kw_only=True)
class BatchNormSettings:
    """The settings of every BatchNorm of a net."""

    momentum: float
    eps: float


TORCH_BATCH_NORM = BatchNormSettings(momentum=0.1, eps=1e-5)
"""PyTorch's defaults, which the original keeps if a file has no settings."""


@frozen(kw_only=True)
class ProxylessNASNets:
    """A net for ImageNet."""

    first_conv: Layer
    blocks: tuple[MobileInvertedResidualBlock, ...]
    feature_mix_layer: MaybeLayer
    classifier: Layer
    bn: BatchNormSettings = TORCH_BATCH_NORM
    name: Literal["ProxylessNASNets"] = "ProxylessNASNets"


@frozen(kw_only=True)
class PyramidTreeNet:
    """A net for CIFAR-10."""

    blocks: tuple[TreeNetBlock, ...]
    classifier: Layer
    tree_node_config: dict[str, Any] = field(factory=dict)
    cell_drop_rate: float = 0
    cell_drop_scheme: str = "linear"
    bn: BatchNormSettings = TORCH_BATCH_NORM
    name: Literal["PyramidTreeNet"] = "PyramidTreeNet"


Net = ProxylessNASNets | PyramidTreeNet


@frozen(kw_only=True)
class Config:
    """The whole file."""

    net: Net


def original_converter() -> cattrs.Converter:
    """A converter that reads layers, blocks and nets by their names, and refuses unknown ones."""
    converter = make_converter()
    for union, what in ((Layer, "layer"), (MaybeLayer, "layer"), (TreeNetBlock, "block"), (Net, "net")):
        converter.register_structure_hook(union, _by_name(converter, union, what))
    return converter


def _by_name(converter: cattrs.Converter, union: Any, what: str) -> Callable[[Any, Any], Any]:
    kinds = {kind.__name__: kind for kind in get_args(union)}

    def choose(value: Any, _: Any) -> Any:
        if value is None and type(None) in get_args(union):
            return None
        if not isinstance(value, dict):
            raise TypeError(f"needs a {what}, got {value!r}")
        kind = kinds.get(value.get("name", ""))
        if kind is None:
            known = ", ".join(name for name in kinds if name != "NoneType")
            raise ValueError(f"{what} kind {value.get('name')!r} is unknown; known are {known}")
        return converter.structure(value, kind)

    return choose
