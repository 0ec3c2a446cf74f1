"""Every operation against its mathematics, written out or taken from torchvision."""

from collections.abc import Callable
from functools import partial
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision.models import efficientnet, mobilenetv3, resnet, shufflenetv2
from torchvision.models._utils import _make_divisible
from torchvision.ops import SqueezeExcitation

from pnas_ops import (
    BasicBlockSpec,
    BottleneckSpec,
    ClassifierSpec,
    ConvSpec,
    GlobalPoolSpec,
    GroupedConvSpec,
    LinearConvSpec,
    MBConvSpec,
    OpSpec,
    PoolSpec,
    PreActivationSeparableConvSpec,
    SeparableConvSpec,
    ShuffleUnitSpec,
    UpsampleSpec,
    build_op,
    count_macs,
)

sizes = st.integers(4, 9)
kernel_sizes = st.sampled_from([1, 3, 5, 7])
strides = st.integers(1, 2)


def build(spec: OpSpec, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """The operation in evaluation mode, its BatchNorm statistics not the trivial ones."""
    op = build_op(spec, in_channels=in_channels, out_channels=out_channels, stride=stride)
    for part in op.modules():
        if isinstance(part, nn.BatchNorm2d):
            for values in (part.weight, part.running_var):
                assert values is not None
                nn.init.uniform_(values, 0.5, 2.0)
            for values in (part.bias, part.running_mean):
                assert values is not None
                nn.init.normal_(values)
    return op.eval()


class Reader:
    """Hands out the tensors of a module in their order."""

    def __init__(self, op: nn.Module) -> None:
        self.values = [value for name, value in op.state_dict().items() if not name.endswith("num_batches_tracked")]

    def conv(self, x: Tensor, *, stride: int = 1, dilation: int = 1, groups: int = 1) -> Tensor:
        weight = self.values.pop(0)
        padding = dilation * (weight.shape[-1] // 2)
        return F.conv2d(x, weight, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def norm(self, x: Tensor) -> Tensor:
        weight, bias, mean, var = (self.values.pop(0).view(-1, 1, 1) for _ in range(4))
        normed: Tensor = (x - mean) / (var + 1e-3).sqrt() * weight + bias
        return normed


@settings(max_examples=25)
@given(kernel_size=kernel_sizes, dilation=st.integers(1, 3), stride=strides, height=sizes, width=sizes)
def test_convolution_and_separable_convolution(
    kernel_size: int, dilation: int, stride: int, height: int, width: int
) -> None:
    x = torch.randn(2, 3, height, width)

    conv = build(ConvSpec(kernel_size=kernel_size, dilation=dilation), 3, 5, stride)
    read = Reader(conv)
    expected = read.norm(read.conv(x, stride=stride, dilation=dilation)).clamp(0, 6)
    torch.testing.assert_close(conv(x), expected, rtol=1e-4, atol=1e-5)
    assert not read.values

    separable = build(SeparableConvSpec(kernel_size=kernel_size, dilation=dilation), 3, 5, stride)
    read = Reader(separable)
    depthwise = read.conv(x, stride=stride, dilation=dilation, groups=3)
    torch.testing.assert_close(separable(x), read.norm(read.conv(depthwise)).clamp(0, 6), rtol=1e-4, atol=1e-5)
    assert not read.values


@settings(max_examples=25)
@given(groups=st.integers(1, 3), shuffle=st.booleans(), kernel_size=kernel_sizes, stride=strides, size=sizes)
def test_a_grouped_convolution_is_one_convolution_a_group_and_a_shuffle_deals_them_out(
    groups: int, shuffle: bool, kernel_size: int, stride: int, size: int
) -> None:
    x = torch.randn(2, 2 * groups, size, size)
    op = build(GroupedConvSpec(kernel_size=kernel_size, groups=groups, shuffle=shuffle), 2 * groups, 4 * groups, stride)
    read = Reader(op)
    weights = read.values.pop(0).chunk(groups)
    parts = [
        F.conv2d(part, weight, stride=stride, padding=kernel_size // 2)
        for part, weight in zip(x.chunk(groups, dim=1), weights, strict=True)
    ]
    expected = read.norm(torch.cat(parts, dim=1)).clamp(0, 6)
    if shuffle:
        # Channel c of every group, then channel c + 1 of every group.
        expected = expected[:, [group * 4 + channel for channel in range(4) for group in range(groups)]]
    torch.testing.assert_close(op(x), expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=20)
@given(reduction=st.integers(1, 4), kernel_size=kernel_sizes, stride=strides, size=sizes)
def test_a_bottleneck_reduces_convolves_and_expands(reduction: int, kernel_size: int, stride: int, size: int) -> None:
    x = torch.randn(2, 5, size, size)
    op = build(BottleneckSpec(kernel_size=kernel_size, reduction=reduction), 5, 2 * reduction, stride)
    read = Reader(op)
    reduced = read.norm(read.conv(x)).clamp(0, 6)
    assert reduced.shape[1] == 2
    expected = read.norm(read.conv(read.norm(read.conv(reduced, stride=stride)).clamp(0, 6)))
    torch.testing.assert_close(op(x), expected, rtol=1e-4, atol=1e-5)
    assert not read.values


@settings(max_examples=30)
@given(kernel_size=st.sampled_from([3, 5, 7]), stride=strides, height=st.integers(1, 9), width=st.integers(1, 9))
def test_pooling_sees_the_pixels_of_the_image_alone(kernel_size: int, stride: int, height: int, width: int) -> None:
    x = torch.randn(2, 3, height, width)
    reach = kernel_size // 2
    for mode, reduce in (("average", torch.mean), ("max", torch.amax)):
        expected = torch.stack(
            [
                reduce(x[:, :, max(0, i - reach) : i + reach + 1, max(0, j - reach) : j + reach + 1], dim=(2, 3))
                for i, j in product(range(0, height, stride), range(0, width, stride))
            ],
            dim=2,
        )
        pooled = build(PoolSpec(mode=mode, kernel_size=kernel_size), 3, 3, stride)(x)  # type: ignore[arg-type]
        assert pooled.shape == (2, 3, -(-height // stride), -(-width // stride))
        torch.testing.assert_close(pooled.flatten(2), expected)


@pytest.mark.parametrize(("activation", "name"), [("relu", "RE"), ("hswish", "HS")])
@pytest.mark.parametrize("squeeze_excitation", [False, True])
@pytest.mark.parametrize(("in_channels", "expansion"), [(24, 5), (8, 1), (40, 6)])
def test_mbconv_is_the_block_of_torchvisions_mobilenet_v3(
    in_channels: int, expansion: int, squeeze_excitation: bool, activation: str, name: str
) -> None:
    spec = MBConvSpec(
        kernel_size=5,
        expansion=expansion,
        squeeze_excitation=squeeze_excitation,
        activation=activation,  # type: ignore[arg-type]
    )
    op = build(spec, in_channels, 16, 2)
    hidden = in_channels * expansion
    config = mobilenetv3.InvertedResidualConfig(in_channels, 5, hidden, 16, squeeze_excitation, name, 2, 1, 1.0)
    is_the_block(op, mobilenetv3.InvertedResidual(config, NORM), in_channels)


NORM = partial(nn.BatchNorm2d, eps=1e-3)


def is_the_block(op: nn.Module, theirs: nn.Module, in_channels: int) -> None:
    """With the same weights, in the same order, both give the same."""
    theirs.load_state_dict(dict(zip(theirs.state_dict(), op.state_dict().values(), strict=True)))
    x = torch.randn(2, in_channels, 7, 7)
    torch.testing.assert_close(op(x), theirs.eval()(x))


@pytest.mark.parametrize(("in_channels", "out_channels", "stride"), [(16, 16, 1), (8, 16, 1), (8, 16, 2), (16, 16, 2)])
def test_blocks_with_a_shortcut_are_those_of_torchvisions_resnets(
    in_channels: int, out_channels: int, stride: int
) -> None:
    same = stride == 1 and in_channels == out_channels

    def projection() -> nn.Module | None:
        conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        return None if same else nn.Sequential(conv, NORM(out_channels))

    basic = build(BasicBlockSpec(kernel_size=3, activation="relu", shortcut=True), in_channels, out_channels, stride)
    is_the_block(
        basic, resnet.BasicBlock(in_channels, out_channels, stride, projection(), norm_layer=NORM), in_channels
    )
    for reduction, groups, base_width in ((4, 1, 64), (2, 4, 32)):
        spec = BottleneckSpec(kernel_size=3, reduction=reduction, groups=groups, activation="relu", shortcut=True)
        theirs = resnet.Bottleneck(
            in_channels, out_channels // 4, stride, projection(), groups, base_width, norm_layer=NORM
        )
        is_the_block(build(spec, in_channels, out_channels, stride), theirs, in_channels)


@pytest.mark.parametrize(("in_channels", "out_channels", "stride"), [(8, 8, 1), (6, 12, 2), (8, 8, 2)])
def test_the_second_shuffle_unit_is_torchvisions(in_channels: int, out_channels: int, stride: int) -> None:
    op = build(ShuffleUnitSpec(version="v2", kernel_size=3, activation="relu"), in_channels, out_channels, stride)
    theirs = shufflenetv2.InvertedResidual(in_channels, out_channels, stride)
    for part in theirs.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 1e-3
    is_the_block(op, theirs, in_channels)


@settings(max_examples=20)
@given(groups=st.integers(1, 3), kernel_size=kernel_sizes, stride=strides, wider=st.booleans(), size=sizes)
def test_the_first_shuffle_unit_is_its_figure(
    groups: int, kernel_size: int, stride: int, wider: bool, size: int
) -> None:
    in_channels = 4 * groups
    out_channels = 2 * in_channels if wider or stride > 1 else in_channels
    spec = ShuffleUnitSpec(version="v1", kernel_size=kernel_size, groups=groups, activation="relu")
    op = build(spec, in_channels, out_channels, stride)
    x = torch.randn(2, in_channels, size, size)
    read, hidden = Reader(op), out_channels // 4
    y = read.norm(read.conv(x, groups=groups)).relu()
    y = y.unflatten(1, (groups, hidden // groups)).transpose(1, 2).flatten(1, 2)
    y = read.norm(read.conv(y, stride=stride, groups=hidden))
    y = read.norm(read.conv(y, groups=groups))
    if out_channels == in_channels:
        expected = (x + y).relu()
    else:
        pooled = F.avg_pool2d(x, 3, stride, 1, count_include_pad=False)
        expected = torch.cat([pooled, y], dim=1).relu()
    torch.testing.assert_close(op(x), expected, rtol=1e-4, atol=1e-5)
    assert not read.values


@pytest.mark.parametrize("expansion", [1, 4])
def test_a_gate_of_the_input_is_that_of_torchvisions_efficientnet(expansion: int) -> None:
    spec = MBConvSpec(
        kernel_size=5, expansion=expansion, squeeze_excitation=True, squeeze_from="input", activation="silu"
    )
    config = efficientnet.MBConvConfig(expansion, 5, 2, 24, 16, 1)
    is_the_block(build(spec, 24, 16, 2), efficientnet.MBConv(config, 0.0, NORM), 24)


@pytest.mark.parametrize("factor", [2, 3])
def test_upsampling_repeats_pixels_or_goes_from_one_to_the_next(factor: int) -> None:
    x = torch.randn(2, 3, 4, 5)
    nearest = build(UpsampleSpec(mode="nearest", factor=factor), 3, 3, 1)(x)
    assert nearest.equal(x.repeat_interleave(factor, 2).repeat_interleave(factor, 3))

    def mixture(size: int) -> Tensor:
        """Rows of weights: a pixel of the larger image lies between two of the smaller, or at its edge."""
        weights = torch.zeros(factor * size, size)
        for large in range(factor * size):
            place = min(max((large + 0.5) / factor - 0.5, 0.0), size - 1.0)
            before = int(place)
            weights[large, before] += 1 - (place - before)
            weights[large, min(before + 1, size - 1)] += place - before
        return weights

    bilinear = build(UpsampleSpec(mode="bilinear", factor=factor), 3, 3, 1)(x)
    torch.testing.assert_close(bilinear, mixture(4) @ x @ mixture(5).T)


@pytest.mark.parametrize("hidden", [16, 72, 144, 240, 576, 960])
def test_a_gate_is_as_wide_as_torchvisions(hidden: int) -> None:
    spec = MBConvSpec(kernel_size=3, expansion=4, squeeze_excitation=True)
    with torch.device("meta"):
        op = build_op(spec, in_channels=hidden // 4, out_channels=8)
    (gate,) = (part for part in op.modules() if isinstance(part, SqueezeExcitation))
    assert gate.fc1.out_channels == gate.fc2.in_channels == _make_divisible(hidden // 4, 8)


@pytest.mark.parametrize(
    ("spec", "eps"),
    [
        (ConvSpec(kernel_size=3), 1e-3),
        (MBConvSpec(kernel_size=3, expansion=3), 1e-3),
        (ClassifierSpec(hidden_channels=4), 1e-3),
        (LinearConvSpec(kernel_size=3), 1e-5),
        (PreActivationSeparableConvSpec(kernel_size=3), 1e-5),
    ],
    ids=str,
)
def test_statistics_are_kept_as_the_original_keeps_them(spec: OpSpec, eps: float) -> None:
    op = build_op(spec, in_channels=4, out_channels=4)
    inputs: list[tuple[nn.BatchNorm2d, Tensor]] = []
    for part in op.modules():
        if isinstance(part, nn.BatchNorm2d):
            # Clones, since what follows may change them in place.
            part.register_forward_pre_hook(lambda norm, args: inputs.append((norm, args[0].clone())))
    op.train()(torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(0)))
    assert inputs
    for norm, x in inputs:
        assert norm.eps == eps
        torch.testing.assert_close(norm.running_mean, 0.1 * x.mean((0, 2, 3)))
        torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * x.var((0, 2, 3)))


@pytest.mark.parametrize(
    ("spec", "macs"),
    [
        (ConvSpec(kernel_size=3, dilation=2), 16 * 9 * 8 * 12),
        (SeparableConvSpec(kernel_size=5), 16 * (25 * 8 + 8 * 12)),
        (GroupedConvSpec(kernel_size=3, groups=4, shuffle=True), 16 * 9 * 8 * 12 // 4),
        (BottleneckSpec(kernel_size=3, reduction=3), 64 * 8 * 4 + 16 * (9 * 4 * 4 + 4 * 12)),
        (BottleneckSpec(kernel_size=3, reduction=3, groups=2), 64 * 8 * 4 + 16 * (9 * 4 * 4 // 2 + 4 * 12)),
        (
            BottleneckSpec(kernel_size=3, reduction=3, shortcut=True),
            64 * 8 * 4 + 16 * (9 * 4 * 4 + 4 * 12) + 16 * 8 * 12,
        ),
        (BasicBlockSpec(kernel_size=3), 16 * 9 * (8 * 12 + 12 * 12)),
        (BasicBlockSpec(kernel_size=3, shortcut=True), 16 * 9 * (8 * 12 + 12 * 12) + 16 * 8 * 12),
        # Four of the twelve output channels are computed, eight are the input.
        (ShuffleUnitSpec(version="v1", kernel_size=3), 64 * 8 * 3 + 16 * (9 * 3 + 3 * 4)),
        (
            ShuffleUnitSpec(version="v2", kernel_size=3),
            16 * (9 * 8 + 8 * 6) + 64 * 8 * 6 + 16 * (9 * 6 + 6 * 6),
        ),
        (
            MBConvSpec(kernel_size=3, expansion=6, squeeze_excitation=True, squeeze_from="input", activation="silu"),
            64 * 8 * 48 + 16 * 9 * 48 + 2 * 48 * 2 + 16 * 48 * 12,
        ),
        (MBConvSpec(kernel_size=3, expansion=2, activation="hswish"), 64 * 8 * 16 + 16 * (9 * 16 + 16 * 12)),
        (
            MBConvSpec(kernel_size=3, expansion=6, squeeze_excitation=True),
            64 * 8 * 48 + 16 * 9 * 48 + 2 * 48 * 16 + 16 * 48 * 12,
        ),
    ],
    ids=str,
)
def test_macs_have_their_closed_form(spec: OpSpec, macs: int) -> None:
    with torch.device("meta"):
        op = build_op(spec, in_channels=8, out_channels=12, stride=2)
    assert count_macs(op, (1, 8, 8, 8)) == macs


@pytest.mark.parametrize(
    ("spec", "formula"),
    [
        (ConvSpec(kernel_size=1), lambda y: y.clamp(0, 6)),
        (ConvSpec(kernel_size=1, activation="relu"), lambda y: y.clamp(min=0)),
        (ConvSpec(kernel_size=1, activation="hswish"), lambda y: y * (y + 3).clamp(0, 6) / 6),
        (ConvSpec(kernel_size=1, activation="silu"), lambda y: y / (1 + (-y).exp())),
    ],
    ids=["relu6", "relu", "hswish", "silu"],
)
def test_a_convolution_has_the_activation_that_it_says(spec: ConvSpec, formula: Callable[[Tensor], Tensor]) -> None:
    x = 10 * torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    op = build(spec, 4, 3, 1)
    conv, norm, _ = op.children()
    torch.testing.assert_close(op(x), formula(norm(conv(x))))


def test_a_global_pool_is_the_mean_and_a_bare_classifier_a_linear_map_of_it() -> None:
    x = torch.randn(2, 4, 5, 3)
    mean = x.mean((2, 3))
    pool = build_op(GlobalPoolSpec(), in_channels=4, out_channels=4)
    torch.testing.assert_close(pool(x), mean[:, :, None, None])
    classifier = build_op(ClassifierSpec(hidden_channels=None), in_channels=4, out_channels=3)
    weight, bias = classifier.parameters()
    torch.testing.assert_close(classifier(x), mean @ weight.T + bias)
    assert count_macs(classifier, (1, 4, 5, 3)) == 4 * 3


def test_pooling_and_upsampling_count_no_macs() -> None:
    for mode in ("average", "max"):
        op = build_op(PoolSpec(mode=mode, kernel_size=3), in_channels=8, out_channels=8, stride=2)
        assert count_macs(op, (1, 8, 8, 8)) == 0
    op = build_op(UpsampleSpec(mode="bilinear", factor=2), in_channels=8, out_channels=8)
    assert count_macs(op, (1, 8, 8, 8)) == 0
