"""The original's configs: all layer kinds, and what cannot be expressed is named with its place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from original_configs import PRE, conv, linear, mobile, plain
from original_nets import OriginalNet
from pnas_ops import (
    Architecture,
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    GroupedConvSpec,
    IdentitySpec,
    LinearConvSpec,
    MBConvSpec,
    PoolSpec,
    PreActivationSeparableConvSpec,
    SeparableConvSpec,
    TreeBlockSpec,
    ZeroSpec,
    load_original_checkpoint,
    read_original_config,
)


def node(edges: list[Any], children: list[Any], **changes: Any) -> dict[str, Any]:
    sizes = {"in_channels": 4, "out_channels": 4, "has_branch_bn": False, "path_drop_rate": 0}
    kind = {"name": "TreeNode", **sizes, "split_type": "copy", "merge_type": "add"}
    return kind | {"edges": edges, "child_nodes": children} | changes


def tree_block(stride: int, in_channels: int) -> dict[str, Any]:
    """A block whose trees have depth 1."""
    pre = {"ops_order": PRE, "act_func": "relu"}
    pool = plain("PoolingLayer", 4, kernel_size=3, stride=1, pool_type="max")
    separable = conv((4, 4), name="DepthConvLayer", kernel_size=5, **pre)
    halves = [node([separable, plain("IdentityLayer", 4)], [None, None]), node([pool, separable], [None, None])]
    same = plain("IdentityLayer", 4)
    split = node([same, same], halves, split_type="split", has_branch_bn=True, in_channels=8)
    widen = conv((4, 8), stride=stride, groups=2, has_shuffle=True, **pre)
    halved = plain("PoolingLayer", in_channels, kernel_size=2, stride=2, pool_type="avg")
    return {
        "name": "ResidualTreeBlock",
        "cell_drop_rate": 0.0,
        "final_bn": True,
        "shortcut": plain("IdentityLayer", in_channels) if stride == 1 else halved,
        "in_bottle": conv((in_channels, 4), kernel_size=1, ops_order=PRE, act_func=None),
        "out_bottle": conv((4, 8), kernel_size=1, **pre),
        "cell": node([widen], [split], split_type=None, merge_type=None),
    }


def pyramid() -> dict[str, Any]:
    stem = conv((3, 4), use_bn=False, act_func=None, ops_order=PRE)
    end = {"use_bn": True, "act_func": "relu", "pool_type": "avg", "kernel_size": 4, "stride": 4}
    return {
        "name": "PyramidTreeNet",
        "blocks": [
            {"name": "TransitionBlock", "layers": [stem, plain("IdentityLayer", 4, use_bn=True)]},
            tree_block(1, 4),
            tree_block(2, 8),
            {"name": "TransitionBlock", "layers": [plain("PoolingLayer", 8, **end)]},
        ],
        "classifier": linear(8),
    }


def write(config: Any, folder: Path) -> Path:
    path = folder / "net.config"
    path.write_text(json.dumps(config))
    return path


@pytest.mark.parametrize(("config", "size"), [(mobile(), 224), (pyramid(), 8)], ids=["mobile", "pyramid"])
def test_the_net_computes_what_the_config_says(config: dict[str, Any], size: int, tmp_path: Path) -> None:
    path = write(config, tmp_path)
    original, x = OriginalNet(path), torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        expected = original(x)
        torch.save(original.state, tmp_path / "net.pth")
        network = load_original_checkpoint(tmp_path / "net.pth", read_original_config(path))
        torch.testing.assert_close(network(x), expected, rtol=1e-4, atol=1e-5)


def test_every_layer_kind_is_read(tmp_path: Path) -> None:
    net = read_original_config(write(mobile(), tmp_path), resolution=32)
    ops = [
        (ConvSpec(kernel_size=3), False),
        (MBConvSpec(kernel_size=5, expansion=3), True),
        (ZeroSpec(), True),
        (MBConvSpec(kernel_size=5, expansion=1), False),
        (ConvSpec(kernel_size=3, activation="relu"), False),
        (GroupedConvSpec(kernel_size=3, groups=2), False),
        (SeparableConvSpec(kernel_size=3, dilation=2), False),
        (PoolSpec(mode="average", kernel_size=3), False),
        (PoolSpec(mode="max", kernel_size=3), True),
        (IdentitySpec(), False),
        (ClassifierSpec(hidden_channels=6), False),
    ]
    assert (net.name, net.resolution, net.input_shape) == ("net", 32, (1, 3, 32, 32))
    assert [(block.op, block.residual) for block in net.blocks] == ops


def test_a_tree_net_is_read(tmp_path: Path) -> None:
    sep, same = PreActivationSeparableConvSpec(kernel_size=5), IdentitySpec()
    tree = TreeBlockSpec(hidden_channels=4, edges=(sep, same, PoolSpec(mode="max", kernel_size=3), sep))
    blocks = (
        BlockSpec(op=LinearConvSpec(kernel_size=3), in_channels=3, out_channels=4),
        BlockSpec(op=tree, in_channels=4, out_channels=8),
        BlockSpec(op=tree, in_channels=8, out_channels=8, stride=2),
        BlockSpec(op=ClassifierSpec(hidden_channels=None, pre_activation=True), in_channels=8, out_channels=2),
    )
    path = write(pyramid(), tmp_path)
    assert read_original_config(path) == Architecture(name="net", resolution=8, blocks=blocks)
    with pytest.raises(ValueError, match="its last pooling fits images of 8 pixels, not of 16"):
        read_original_config(path, resolution=16)


def test_a_net_without_a_mixing_layer_is_read(tmp_path: Path) -> None:
    config = mobile() | {"feature_mix_layer": None, "classifier": linear(4)}
    net = read_original_config(write(config, tmp_path))
    assert net.blocks[-1] == BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=4, out_channels=2)


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Sets what stands at a dotted path."""

    def apply(config: Any) -> None:
        *parents, last = (int(step) if step.isdigit() else step for step in path.split("."))
        for step in parents:
            config = config[step]
        config[last] = value

    return apply


LAYER = "blocks.0.mobile_inverted_conv"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("name", "MobileNetV3", "net kind 'MobileNetV3' is unknown; known are ProxylessNASNets, PyramidTreeNet"),
        ("bn", {"momentum": 0.1, "eps": 1e-5}, r"bn: a BatchNormSettings with eps 1e-05 .*, only with 0\.001$"),
        ("bn.decay", 1, r"extra fields found \(decay\)"),
        (
            "first_conv.name",
            "ShuffleLayer",
            r"layer kind 'ShuffleLayer' is unknown; known are ConvLayer, .*first_conv$",
        ),
        (
            "first_conv.act_func",
            "h_swish",
            "first_conv: a ConvLayer with act_func 'h_swish' cannot .*, only with 'relu6'",
        ),
        (
            "first_conv.use_bn",
            False,
            "first_conv: a ConvLayer with use_bn False cannot be expressed here, only with True",
        ),
        ("first_conv.kernel_size", [3, 3], r"needs a value of type int, got \[3, 3\] @ .*first_conv\.kernel_size$"),
        ("first_conv", plain("IdentityLayer", 3), "first_conv: an IdentityLayer cannot be .*, only a ConvLayer$"),
        (f"{LAYER}", linear(4), r"blocks\[0\]: mobile_inverted_conv: a LinearLayer cannot be expressed here$"),
        (
            f"{LAYER}.mid_channels",
            5,
            r"mobile_inverted_conv: a MBInvertedConvLayer with mid_channels 5 .*, only with 12$",
        ),
        (f"{LAYER}.out_channels", 5, r"blocks\[0\]: mobile_inverted_conv: a residual block needs stride 1 and equal"),
        (f"{LAYER}.kernel_size", 4, r"blocks\[0\]: mobile_inverted_conv: MBConvSpec.kernel_size must be odd"),
        ("blocks.0.shortcut.use_bn", True, r"blocks\[0\]: shortcut: an IdentityLayer with use_bn True"),
        ("blocks.0.shortcut", conv((4, 4)), r"blocks\[0\]: shortcut: a ConvLayer cannot be .*, only an IdentityLayer$"),
        ("blocks.1.mobile_inverted_conv.stride", 2, r"blocks\[1\]: a ZeroLayer with stride 2"),
        ("blocks.4.mobile_inverted_conv.has_shuffle", True, r"blocks\[4\].*: a ConvLayer with has_shuffle True"),
        ("blocks.6.mobile_inverted_conv.stride", 2, r"blocks\[6\].*: a PoolingLayer with stride 2"),
        ("classifier.bias", False, "classifier: a LinearLayer with bias False"),
        ("classifier.in_features", 8, "feature_mix_layer: a ConvLayer with out_channels 6 .*, only with 8$"),
        ("blocks", 3, "@ Config.net.blocks"),
    ],
)
def test_what_a_mobile_net_cannot_be_is_named(path: str, value: Any, message: str, tmp_path: Path) -> None:
    refuses(mobile(), path, value, message, tmp_path)


HALF = "blocks.1.cell.child_nodes.0.child_nodes.0"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("blocks.1.cell_drop_rate", 0.1, r"blocks\[1\]: a ResidualTreeBlock with cell_drop_rate 0\.1"),
        ("blocks.1.name", "ResidualBlock", "block kind 'ResidualBlock' is unknown; known are TransitionBlock, Res"),
        (
            "blocks.1.in_bottle",
            None,
            r"blocks\[1\]: in_bottle: a missing layer cannot be expressed here, only a ConvLayer",
        ),
        (
            "blocks.1.cell.edges.0.groups",
            1,
            r"blocks\[1\]: cell: edges\[0\]: a ConvLayer with groups 1 .*, only with 2$",
        ),
        (
            "blocks.1.cell.child_nodes.0.split_type",
            "copy",
            r"cell: child_nodes\[0\]: a TreeNode with split_type 'copy'",
        ),
        ("blocks.1.cell.child_nodes.0.merge_type", "max", "needs one of add, concat, got 'max'"),
        (f"{HALF}.edges.0.dropout_rate", "a", "needs a value of type float, got 'a'"),
        (f"{HALF}.edges.0.groups", 2, r"child_nodes\[0\]: node: edges\[0\]: a DepthConvLayer with groups 2"),
        (f"{HALF}.edges.0", conv((4, 4)), r"node: edges\[0\]: a ConvLayer cannot be expressed here, only a"),
        (f"{HALF}.path_drop_rate", 0.5, r"child_nodes\[0\]: node: a TreeNode with path_drop_rate 0\.5"),
        (f"{HALF}.edges", [None], r"node: a TreeNode with 1 edges and 2 child_nodes cannot"),
        (f"{HALF}.child_nodes.0", node([None] * 2, [None] * 2), "a tree with branches of different depth"),
        (f"{HALF}.child_nodes", [node([None] * 2, [None] * 2)] * 2, r"blocks\[1\]: TreeBlockSpec.edges must fill two"),
        ("blocks.2.shortcut.pool_type", "max", r"blocks\[2\]: shortcut: a PoolingLayer with pool_type 'max'"),
        ("blocks.2.in_bottle.in_channels", 6, "block 1 .* gives 8 channels, block 2 .* takes 6"),
        ("blocks.3.layers", [], r"blocks\[3\]: 0 layers cannot be expressed here, only 1"),
        ("classifier.in_features", 9, "classifier: a LinearLayer with in_features 9 .*, only with 8$"),
        ("tree_node_config", {"path_drop_rate": 0.1}, "a PyramidTreeNet with tree_node_config"),
        ("blocks", [], "begins and ends with a TransitionBlock, got 0 blocks"),
    ],
)
def test_what_a_tree_net_cannot_be_is_named(path: str, value: Any, message: str, tmp_path: Path) -> None:
    refuses(pyramid(), path, value, message, tmp_path)


def refuses(config: dict[str, Any], path: str, value: Any, message: str, folder: Path) -> None:
    change(path, value)(config)
    file = write(config, folder)
    with pytest.raises(ValueError, match=message) as caught:
        read_original_config(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.config").write_text("{")
    with pytest.raises(ValueError, match=r"net\.config: not JSON"):
        read_original_config(tmp_path / "net.config")
    with pytest.raises(ValueError, match=r"net\.config: needs a net, got \[\]"):
        read_original_config(write([], tmp_path))
