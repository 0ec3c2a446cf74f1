"""Names of operations, and what their specs refuse."""

from typing import get_args

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pnas_ops import (
    BasicBlockSpec,
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
    ShuffleUnitSpec,
    TreeBlockSpec,
    UpsampleSpec,
    ZeroSpec,
    build_op,
)
from strategies import block_specs, computing_ops, trees


@given(st.lists(st.one_of(computing_ops, trees), min_size=2, max_size=2, unique=True))
def test_names_tell_operations_apart(ops: list[OpSpec]) -> None:
    assert str(ops[0]) != str(ops[1])


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (ConvSpec(kernel_size=3), "conv3"),
        (ConvSpec(kernel_size=3, dilation=2), "conv3-d2"),
        (ConvSpec(kernel_size=3, activation="hswish"), "conv3-hswish"),
        (SeparableConvSpec(kernel_size=3), "sep-3x3"),
        (SeparableConvSpec(kernel_size=5, dilation=2), "sep-5x5-d2"),
        (GroupedConvSpec(kernel_size=3, groups=2), "group2-3x3"),
        (GroupedConvSpec(kernel_size=3, groups=2, shuffle=True), "group2-3x3-shuffle"),
        (BottleneckSpec(kernel_size=3, reduction=4), "bottleneck4-3x3"),
        (BottleneckSpec(kernel_size=3, reduction=4, shortcut=True), "bottleneck4-3x3-shortcut"),
        (
            BottleneckSpec(kernel_size=3, reduction=2, groups=32, activation="relu", shortcut=True),
            "bottleneck2-3x3-g32-relu-shortcut",
        ),
        (BasicBlockSpec(kernel_size=3), "basic-3x3"),
        (BasicBlockSpec(kernel_size=5, activation="relu", shortcut=True), "basic-5x5-relu-shortcut"),
        (ShuffleUnitSpec(version="v1", kernel_size=3, groups=3, activation="relu"), "shufflev1-3x3-g3-relu"),
        (ShuffleUnitSpec(version="v2", kernel_size=5), "shufflev2-5x5"),
        (UpsampleSpec(mode="bilinear", factor=2), "upsample2-bilinear"),
        (MBConvSpec(kernel_size=5, expansion=3), "mb3-5x5"),
        (
            MBConvSpec(kernel_size=3, expansion=6, squeeze_excitation=True, squeeze_from="input", activation="silu"),
            "mb6-3x3-se-input-silu",
        ),
        (MBConvSpec(kernel_size=5, expansion=3, squeeze_excitation=True, activation="hswish"), "mb3-5x5-se-hswish"),
        (MBConvSpec(kernel_size=5, expansion=3, activation="relu"), "mb3-5x5-relu"),
        (PoolSpec(mode="average", kernel_size=3), "avgpool-3x3"),
        (PoolSpec(mode="max", kernel_size=5), "maxpool-5x5"),
        (ZeroSpec(), "skip"),
        (IdentitySpec(), "identity"),
        (GlobalPoolSpec(), "globalpool"),
        (ClassifierSpec(hidden_channels=8), "classifier-8"),
        (ClassifierSpec(hidden_channels=8, activation="relu"), "classifier-8-relu"),
        (ClassifierSpec(hidden_channels=None), "classifier"),
        (ClassifierSpec(hidden_channels=None, pre_activation=True), "classifier-preact"),
        (LinearConvSpec(kernel_size=3), "linearconv3"),
        (PreActivationSeparableConvSpec(kernel_size=3, dilation=2), "presep-3x3-d2"),
        (
            TreeBlockSpec(
                hidden_channels=18,
                edges=(
                    IdentitySpec(),
                    PoolSpec(mode="max", kernel_size=3),
                    PreActivationSeparableConvSpec(kernel_size=7),
                    IdentitySpec(),
                ),
            ),
            "tree18(identity maxpool-3x3 presep-7x7 identity)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_names_in_tables_and_signatures(spec: OpSpec, name: str) -> None:
    assert str(spec) == name


def test_refuses_what_cannot_stand_at_a_place() -> None:
    pool, bottleneck = PoolSpec(mode="max", kernel_size=3), BottleneckSpec(kernel_size=3, reduction=4)
    with pytest.raises(ValueError, match=r"^maxpool-3x3 needs equal channels, got 4->6 s2$"):
        BlockSpec(op=pool, in_channels=4, out_channels=6, stride=2)
    with pytest.raises(ValueError, match=r"^bottleneck4-3x3 needs output channels that are a multiple of 4, got 8->6"):
        BlockSpec(op=bottleneck, in_channels=8, out_channels=6)
    with pytest.raises(ValueError, match=r"^globalpool needs equal channels, got 4->6 s1$"):
        BlockSpec(op=GlobalPoolSpec(), in_channels=4, out_channels=6)
    with pytest.raises(ValueError, match="a residual block needs stride 1 and equal channels"):
        BlockSpec(op=GlobalPoolSpec(), in_channels=4, out_channels=4, residual=True)
    for channels in ((4, 6), (6, 4)):
        with pytest.raises(ValueError, match=r"^group3-3x3 needs channels that are multiples of 3, got \d->\d s1$"):
            BlockSpec(op=GroupedConvSpec(kernel_size=3, groups=3), in_channels=channels[0], out_channels=channels[1])


@pytest.mark.parametrize(
    ("op", "channels", "stride", "message"),
    [
        (
            BottleneckSpec(kernel_size=3, reduction=2, groups=4),
            (8, 12),
            1,
            "output channels that are a multiple of 8, ",
        ),
        (ShuffleUnitSpec(version="v2", kernel_size=3), (4, 7), 2, "output channels that are a multiple of 2, got 4->7"),
        (
            ShuffleUnitSpec(version="v1", kernel_size=3, groups=3),
            (9, 20),
            2,
            "output channels that are a multiple of 12",
        ),
        (ShuffleUnitSpec(version="v1", kernel_size=3, groups=3), (8, 12), 2, "input channels that are a multiple of 3"),
        (ShuffleUnitSpec(version="v1", kernel_size=3), (8, 8), 2, "more output channels than input channels where"),
        (UpsampleSpec(mode="nearest", factor=2), (8, 8), 2, "stride 1 and equal channels, got 8->8 s2"),
        (UpsampleSpec(mode="nearest", factor=2), (8, 9), 1, "stride 1 and equal channels, got 8->9 s1"),
    ],
    ids=str,
)
def test_refuses_channels_and_strides_that_do_not_suit(
    op: OpSpec, channels: tuple[int, int], stride: int, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{op} needs {message}"):
        BlockSpec(op=op, in_channels=channels[0], out_channels=channels[1], stride=stride)


@pytest.mark.parametrize(
    "op",
    [
        BottleneckSpec(kernel_size=3, reduction=4, shortcut=True),
        BasicBlockSpec(kernel_size=3, shortcut=True),
        ShuffleUnitSpec(version="v1", kernel_size=3),
        ShuffleUnitSpec(version="v2", kernel_size=3),
    ],
    ids=str,
)
def test_a_block_adds_its_input_once(op: OpSpec) -> None:
    with pytest.raises(ValueError, match=f"^{op} has a shortcut of its own$"):
        BlockSpec(op=op, in_channels=8, out_channels=8, residual=True)


def test_an_upsampling_gives_larger_images() -> None:
    block = BlockSpec(op=UpsampleSpec(mode="nearest", factor=3), in_channels=4, out_channels=4)
    assert (block.output_size(5), block.keeps_shape) == (15, False)
    with pytest.raises(ValueError, match="a residual block needs stride 1 and equal channels"):
        evolve(block, residual=True)


def test_refuses_options_that_mean_nothing() -> None:
    with pytest.raises(ValueError, match=r"^ShuffleUnitSpec\.groups are of v1, v2 splits its channels instead, got 3$"):
        ShuffleUnitSpec(version="v2", kernel_size=3, groups=3)
    with pytest.raises(ValueError, match=r"^ClassifierSpec\.activation 'relu' needs hidden_channels$"):
        ClassifierSpec(hidden_channels=None, activation="relu")
    with pytest.raises(ValueError, match=r"^MBConvSpec\.squeeze_from 'input' needs squeeze_excitation$"):
        MBConvSpec(kernel_size=3, expansion=3, squeeze_from="input")


def test_refuses_an_option_that_is_not_there() -> None:
    with pytest.raises(
        ValueError, match=r"^MBConvSpec\.activation must be one of relu6, relu, hswish, silu, got 'gelu'"
    ):
        MBConvSpec(kernel_size=3, expansion=3, activation="gelu")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^PoolSpec\.mode must be one of average, max, got 'min'$"):
        PoolSpec(mode="min", kernel_size=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'kernel_size' must be >= 3: 1"):
        PoolSpec(mode="max", kernel_size=1)


def test_refuses_trees_that_are_not_full_or_cannot_stand() -> None:
    same = IdentitySpec()
    for count in (0, 2, 5, 6, 8, 24):
        with pytest.raises(ValueError, match=rf"must fill two binary trees of equal depth .*, got {count}$"):
            TreeBlockSpec(hidden_channels=2, edges=(same,) * count)
    with pytest.raises(ValueError, match=r"^TreeBlockSpec\.edges: linearconv1 cannot stand at an edge of a tree$"):
        TreeBlockSpec(hidden_channels=2, edges=(LinearConvSpec(kernel_size=1), same, same, same))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"TreeBlockSpec\.hidden_channels must be even: it has two groups, got 3$"):
        TreeBlockSpec(hidden_channels=3, edges=(same,) * 4)
    tree = TreeBlockSpec(hidden_channels=2, edges=(same,) * 4)
    with pytest.raises(ValueError, match=r"\) needs at least as many output channels as input channels, got 4->2$"):
        BlockSpec(op=tree, in_channels=4, out_channels=2)
    with pytest.raises(ValueError, match=r"\) has a shortcut of its own$"):
        BlockSpec(op=tree, in_channels=4, out_channels=4, residual=True)
    thirds = TreeBlockSpec(hidden_channels=2, edges=(same, same, GroupedConvSpec(kernel_size=3, groups=3), same))
    with pytest.raises(ValueError, match=r"^group3-3x3 needs channels that are multiples of 3, .* at edge 2 of tree2"):
        BlockSpec(op=thirds, in_channels=4, out_channels=4)


@given(block_specs())
def test_the_kernel_of_an_operation_is_the_largest_of_its_module(block: BlockSpec) -> None:
    op = build_op(block.op, in_channels=block.in_channels, out_channels=block.out_channels, stride=block.stride)
    sizes = [
        max(part.kernel_size if isinstance(part.kernel_size, tuple) else (part.kernel_size,))
        for part in op.modules()
        if isinstance(part, nn.Conv2d | nn.AvgPool2d | nn.MaxPool2d)
    ]
    assert block.op.kernel_size == max(sizes, default=1)


@pytest.mark.parametrize("spec", get_args(OpSpec))
def test_every_operation_says_its_kernel(spec: type) -> None:
    assert hasattr(spec, "kernel_size")


def test_the_kernel_of_a_tree_is_its_largest() -> None:
    edges: list[EdgeSpec] = [
        IdentitySpec(),
        PreActivationSeparableConvSpec(kernel_size=7),
        PoolSpec(mode="max", kernel_size=5),
    ]
    assert TreeBlockSpec(hidden_channels=2, edges=(*edges, edges[0])).kernel_size == 7
    assert TreeBlockSpec(hidden_channels=2, edges=(IdentitySpec(),) * 4).kernel_size == 3
