"""Trees and their pyramid against their mathematics, written out."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pnas_ops import (
    BlockSpec,
    ClassifierSpec,
    IdentitySpec,
    LinearConvSpec,
    PreActivationSeparableConvSpec,
    Tree,
    TreeBlockSpec,
    TreeCell,
    architecture_macs,
    build_block,
    build_network,
    build_op,
    pyramid_tree_architecture,
    tree_edges,
    workloads,
)
from pnas_ops.data.pyramid_nets import pyramid_widths
from strategies import kernel_sizes, strides

SEPARABLE = PreActivationSeparableConvSpec(kernel_size=3)
sizes = st.integers(4, 9)


class Times(nn.Module):
    """Multiplies by a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


def stirred(module: nn.Module) -> nn.Module:
    """In evaluation mode, BatchNorm not the trivial one."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            for values in (part.weight, part.running_var):
                nn.init.uniform_(values, 0.5, 2.0)
            for values in (part.bias, part.running_mean):
                nn.init.normal_(values)
    return module.eval()


def norm(part: nn.Module, x: Tensor) -> Tensor:
    weight, bias, mean, var, _ = (value.view(-1, 1, 1) for value in part.state_dict().values())
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


@given(depth=st.integers(1, 4), data=st.data())
def test_a_tree_is_the_sum_over_its_paths(depth: int, data: st.DataObject) -> None:
    factors = data.draw(st.lists(st.integers(-3, 3), min_size=2 ** (depth + 1) - 2, max_size=2 ** (depth + 1) - 2))
    expected = 0
    for turns in product((0, 1), repeat=depth):
        # Level by level: the edges of level l start at 2^(l + 1) - 2, and a path's turns are its number in binary.
        path = [2 ** (level + 1) - 2 + int("".join(map(str, turns[: level + 1])), 2) for level in range(depth)]
        product_of_path = 1
        for edge in path:
            product_of_path *= factors[edge]
        expected += product_of_path
    x = torch.ones(1, 1, 1, 1)
    assert Tree([Times(factor) for factor in factors])(x).item() == expected


@settings(max_examples=15)
@given(kernel_size=kernel_sizes, dilation=st.integers(1, 3), stride=strides, height=sizes, width=sizes)
def test_the_separable_convolution_normalizes_first(
    kernel_size: int, dilation: int, stride: int, height: int, width: int
) -> None:
    spec = PreActivationSeparableConvSpec(kernel_size=kernel_size, dilation=dilation)
    op = stirred(build_op(spec, in_channels=3, out_channels=5, stride=stride))
    depth, point = (part.weight for part in op.modules() if isinstance(part, nn.Conv2d))
    x = torch.randn(2, 3, height, width)
    padding = dilation * (kernel_size // 2)
    deep = F.conv2d(norm(next(op.children()), x).clamp(0), depth, None, stride, padding, dilation, 3)
    torch.testing.assert_close(op(x), F.conv2d(deep, point), rtol=1e-4, atol=1e-5)


def test_a_linear_convolution_and_the_end_of_a_pre_activation_net() -> None:
    x = torch.randn(2, 3, 5, 5)
    conv = stirred(build_op(LinearConvSpec(kernel_size=3), in_channels=3, out_channels=4))
    weight = next(conv.parameters())
    torch.testing.assert_close(conv(x), norm(list(conv.children())[1], F.conv2d(x, weight, padding=1)))

    spec = ClassifierSpec(hidden_channels=None, pre_activation=True)
    end = stirred(build_op(spec, in_channels=3, out_channels=4))
    linear, bias = list(end.parameters())[2:]
    expected = norm(next(end.children()), x).clamp(0).mean((2, 3)) @ linear.T + bias
    torch.testing.assert_close(end(x), expected)


def test_a_cell_of_identities() -> None:
    cell = stirred(TreeCell(4, [nn.Identity()] * 12))
    first, second = (part for part in cell.children() if isinstance(part, nn.ModuleList))
    widen = next(cell.children())
    before, _, conv, _ = widen.children()
    assert isinstance(conv, nn.Conv2d)
    x = torch.randn(2, 4, 5, 5)
    groups = norm(before, x).clamp(0).chunk(2, dim=1)
    wide = [F.conv2d(part, weight, padding=1) for part, weight in zip(groups, conv.weight.chunk(2), strict=True)]
    # The shuffle takes channels of both groups in turn, so that each half has both.
    dealt = torch.stack(wide, dim=2).flatten(1, 2)
    halves = dealt[:, :4], dealt[:, 4:]
    # Two levels of identities, each added to itself.
    expected = sum(half + norm(after, 4 * half) for half, after in zip(halves, second, strict=True))
    assert len(first) == 2
    torch.testing.assert_close(cell(x), expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=15)
@given(stride=strides, more=st.integers(0, 3), height=sizes, width=sizes)
def test_a_block_adds_its_input_averaged_and_padded(stride: int, more: int, height: int, width: int) -> None:
    op = TreeBlockSpec(hidden_channels=2, edges=(SEPARABLE, IdentitySpec()) * 2)
    block = build_block(BlockSpec(op=op, in_channels=3, out_channels=3 + more, stride=stride)).eval()
    last = [part for part in block.modules() if isinstance(part, nn.BatchNorm2d)][-1]
    # Without its last weights the body is nothing, and the shortcut is left.
    nn.init.zeros_(last.weight)
    x = torch.randn(2, 3, height, width)
    found = block(x)
    assert not found[:, 3:].any()
    for i, j in product(range(-(-height // stride)), range(-(-width // stride))):
        window = x[:, :, stride * i : stride * (i + 1), stride * j : stride * (j + 1)]
        torch.testing.assert_close(found[:, :3, i, j], window.mean((2, 3)))


def test_a_small_pyramid() -> None:
    edges = [tree_edges()[:4]] * 6
    net = pyramid_tree_architecture(
        edges, name="small", blocks_per_stage=2, stem_channels=4, growth=6, expansion=2, classes=3, resolution=12
    )
    described = [(str(b.op).split("(")[0], b.in_channels, b.out_channels, b.stride) for b in net.blocks]
    assert described == [
        ("linearconv3", 3, 4, 1),
        ("tree4", 4, 8, 1),
        ("tree6", 8, 12, 1),
        ("tree6", 12, 12, 2),
        ("tree8", 12, 16, 1),
        ("tree8", 16, 16, 2),
        ("tree10", 16, 20, 1),
        ("classifier-preact", 20, 3, 1),
    ]
    assert [workload.height for (workload,) in workloads(net)] == [12, 12, 12, 12, 6, 6, 3, 3]
    network = build_network(net, generator=torch.Generator().manual_seed(0))
    network(torch.rand(2, 3, 12, 12)).logsumexp(1).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_macs_of_a_block_have_their_closed_form() -> None:
    # One separable convolution among the four edges.
    edges = [[SEPARABLE, *tree_edges()[:3]]]
    net = pyramid_tree_architecture(edges, name="one", stem_channels=4, growth=0, resolution=8)
    per_pixel = 3 * 9 * 4 + 4 * 4 + 4 * 8 * 9 // 2 + (9 * 4 + 4 * 4) + 4 * 16
    assert architecture_macs(net) == 64 * per_pixel + 16 * 10


def test_widths_grow_evenly_and_are_even() -> None:
    widths = pyramid_widths(54, start=16, growth=84)
    assert (widths[:6], widths[17:19], widths[-1]) == ((18, 18, 20, 22, 24, 24), (44, 46), 100)
    assert all(width % 2 == 0 for width in widths)


def test_refuses_a_pyramid_without_blocks() -> None:
    with pytest.raises(ValueError, match="a pyramid needs blocks, got 0 rows of edges, 18 blocks a stage"):
        pyramid_tree_architecture([], name="none")
    with pytest.raises(ValueError, match="got 1 rows of edges, 0 blocks a stage"):
        pyramid_tree_architecture([tree_edges()[:4]], name="none", blocks_per_stage=0)
