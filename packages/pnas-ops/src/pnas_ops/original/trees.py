"""The original's nets for CIFAR-10 as architectures."""

from collections.abc import Sequence
from math import prod

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.specs import (
    ClassifierSpec,
    EdgeSpec,
    IdentitySpec,
    LinearConvSpec,
    PreActivationSeparableConvSpec,
    TreeBlockSpec,
)
from pnas_ops.original.layers import (
    TORCH_BATCH_NORM,
    ConvLayer,
    DepthConvLayer,
    IdentityLayer,
    Layer,
    LinearLayer,
    MaybeLayer,
    PoolingLayer,
    PyramidTreeNet,
    ResidualTreeBlock,
    TransitionBlock,
    TreeNode,
)
from pnas_ops.original.operations import at, demand, demand_identity, of_kind, read_pooling

_PRE_ACTIVATION = {"bias": False, "use_bn": True, "ops_order": "bn_act_weight"}
_BOTTLENECK = {"kernel_size": 1, "stride": 1, "groups": 1, **_PRE_ACTIVATION}


def read_tree_net(net: PyramidTreeNet, name: str) -> Architecture:
    """The net as an architecture of tree blocks.

    Raises:
        ValueError: naming the place and what cannot be expressed.
    """
    # Unlike dropout, a drop rate scales outputs in evaluation too.
    demand(net, bn=TORCH_BATCH_NORM, cell_drop_rate=0, tree_node_config={})
    if len(net.blocks) < 2:
        raise ValueError(f"blocks: a net begins and ends with a TransitionBlock, got {len(net.blocks)} blocks")
    with at("blocks[0]"):
        blocks = [_read_stem(of_kind(net.blocks[0], TransitionBlock))]
    for index, block in enumerate(net.blocks[1:-1], 1):
        with at(f"blocks[{index}]"):
            blocks.append(_read_tree_block(of_kind(block, ResidualTreeBlock)))
    with at(f"blocks[{len(net.blocks) - 1}]"):
        (last,) = _layers(of_kind(net.blocks[-1], TransitionBlock), 1)
        pool = of_kind(last, PoolingLayer)
        demand(pool, pool_type="avg", stride=pool.kernel_size, use_bn=True, act_func="relu", ops_order="bn_act_weight")
    with at("classifier"):
        linear = of_kind(net.classifier, LinearLayer)
        demand(linear, in_features=pool.in_channels, bias=True, use_bn=False, act_func=None)
    op = ClassifierSpec(hidden_channels=None, pre_activation=True)
    head = BlockSpec(op=op, in_channels=pool.in_channels, out_channels=linear.out_features)
    resolution = pool.kernel_size * prod(block.stride for block in blocks)
    return Architecture(name=name, resolution=resolution, blocks=(*blocks, head))


def _layers(block: TransitionBlock, count: int) -> Sequence[Layer]:
    if len(block.layers) != count:
        raise ValueError(f"{len(block.layers)} layers cannot be expressed here, only {count}")
    return block.layers


def _read_stem(block: TransitionBlock) -> BlockSpec:
    first, second = _layers(block, 2)
    with at("layers[0]"):
        conv = of_kind(first, ConvLayer)
        demand(conv, dilation=1, groups=1, bias=False, use_bn=False, act_func=None)
    with at("layers[1]"):
        demand(of_kind(second, IdentityLayer), use_bn=True, act_func=None)
    op = LinearConvSpec(kernel_size=conv.kernel_size)
    return BlockSpec(op=op, in_channels=conv.in_channels, out_channels=conv.out_channels, stride=conv.stride)


def _read_tree_block(block: ResidualTreeBlock) -> BlockSpec:
    demand(block, cell_drop_rate=0, final_bn=True)
    with at("in_bottle"):
        narrow = of_kind(block.in_bottle, ConvLayer)
        demand(narrow, act_func=None, **_BOTTLENECK)
    hidden = narrow.out_channels
    with at("cell"):
        stride, edges = _read_cell(block.cell, hidden)
    with at("out_bottle"):
        wide = of_kind(block.out_bottle, ConvLayer)
        demand(wide, in_channels=hidden, act_func="relu", **_BOTTLENECK)
    with at("shortcut"):
        if stride == 1:
            demand_identity(of_kind(block.shortcut, IdentityLayer))
        else:
            pool = of_kind(block.shortcut, PoolingLayer)
            demand(pool, pool_type="avg", kernel_size=stride, stride=stride, use_bn=False, act_func=None)
    return BlockSpec(
        op=TreeBlockSpec(hidden_channels=hidden, edges=edges),
        in_channels=narrow.in_channels,
        out_channels=wide.out_channels,
        stride=stride,
    )


def _read_cell(root: TreeNode, channels: int) -> tuple[int, tuple[EdgeSpec, ...]]:
    """The stride of the cell's convolution, and the edges of both trees."""
    demand(root, has_branch_bn=False)
    (edge,), (child,) = _branches(root, 1)
    with at("edges[0]"):
        conv = of_kind(edge, ConvLayer)
        demand(conv, kernel_size=3, dilation=1, groups=2, has_shuffle=True, act_func="relu", **_PRE_ACTIVATION)
        demand(conv, in_channels=channels, out_channels=2 * channels)
    with at("child_nodes[0]"):
        split = of_kind(child, TreeNode)
        demand(split, split_type="split", merge_type="add", has_branch_bn=True)
        found: list[EdgeSpec] = []
        for index, (layer, half) in enumerate(zip(*_branches(split, 2), strict=True)):
            with at(f"edges[{index}]"):
                demand_identity(layer)
            with at(f"child_nodes[{index}]"):
                found += _read_tree(of_kind(half, TreeNode), channels)
    return conv.stride, tuple(found)


def _branches(node: TreeNode, count: int) -> tuple[Sequence[MaybeLayer], Sequence[TreeNode | None]]:
    demand(node, path_drop_rate=0)
    edges, children = node.edges, node.child_nodes
    if not len(edges) == len(children) == count:
        raise ValueError(
            f"a TreeNode with {len(edges)} edges and {len(children)} child_nodes cannot be expressed here, "
            f"only with {count} of each"
        )
    return edges, children


def _read_tree(root: TreeNode, channels: int) -> list[EdgeSpec]:
    """The edges level by level."""
    found: list[EdgeSpec] = []
    level = [("", root)]
    while level:
        below: list[tuple[str, TreeNode | None]] = []
        for place, node in level:
            with at(f"node{place}"):
                demand(node, split_type="copy", merge_type="add", has_branch_bn=False)
                for index, (layer, child) in enumerate(zip(*_branches(node, 2), strict=True)):
                    with at(f"edges[{index}]"):
                        found.append(_read_edge(layer, channels))
                    below.append((f"{place}[{index}]", child))
        level = [(place, child) for place, child in below if child is not None]
        if level and len(level) < len(below):
            raise ValueError("a tree with branches of different depth cannot be expressed")
    return found


def _read_edge(layer: MaybeLayer, channels: int) -> EdgeSpec:
    match layer:
        case DepthConvLayer():
            demand(layer, in_channels=channels, out_channels=channels)
            demand(layer, stride=1, groups=1, act_func="relu", **_PRE_ACTIVATION)
            return PreActivationSeparableConvSpec(kernel_size=layer.kernel_size, dilation=layer.dilation)
        case PoolingLayer():
            return read_pooling(layer)
        case _:
            demand_identity(layer)
            return IdentitySpec()
