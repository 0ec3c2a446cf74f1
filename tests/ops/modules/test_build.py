"""Modules do what their specs say."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pnas_ops import (
    Architecture,
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    IdentitySpec,
    MBConvSpec,
    ZeroSpec,
    build_block,
    build_network,
    build_op,
    initialize_weights,
)
from strategies import architectures, block_specs


@settings(max_examples=50)
@given(spec=block_specs(), images=st.integers(1, 2), height=st.integers(4, 9), width=st.integers(4, 9))
def test_output_shape(spec: BlockSpec, images: int, height: int, width: int) -> None:
    output = build_block(spec).eval()(torch.rand(images, spec.in_channels, height, width))
    if isinstance(spec.op, ClassifierSpec):
        assert output.shape == (images, spec.out_channels)
    else:
        assert output.shape == (images, spec.out_channels, spec.output_size(height), spec.output_size(width))


@settings(max_examples=50)
@given(spec=block_specs().filter(lambda spec: spec.keeps_shape))
def test_a_residual_block_adds_its_input(spec: BlockSpec) -> None:
    block = build_block(spec).eval()
    x = torch.rand(1, spec.in_channels, 5, 5)
    torch.testing.assert_close(block(x), x + block.op(x) if spec.residual else block.op(x))


def test_zero_skips_a_residual_block_and_identity_passes_a_plain_one() -> None:
    x = torch.rand(1, 4, 3, 3)
    assert build_block(BlockSpec(op=ZeroSpec(), in_channels=4, out_channels=4, residual=True))(x) is x
    assert build_block(BlockSpec(op=IdentitySpec(), in_channels=4, out_channels=4))(x) is x
    assert torch.equal(build_op(ZeroSpec(), in_channels=4, out_channels=4)(x), torch.zeros_like(x))


def test_mbconv_has_the_layers_of_mobilenet() -> None:
    op = build_op(MBConvSpec(kernel_size=5, expansion=3), in_channels=4, out_channels=6, stride=2)
    convs = [module for module in op.modules() if isinstance(module, nn.Conv2d)]
    described = [(c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0], c.groups, c.bias) for c in convs]
    assert described == [(4, 12, 1, 1, 1, None), (12, 12, 5, 2, 12, None), (12, 6, 1, 1, 1, None)]
    kinds = [type(m) for m in op.modules() if not list(m.children())]
    assert kinds == [*[nn.Conv2d, nn.BatchNorm2d, nn.ReLU6] * 2, nn.Conv2d, nn.BatchNorm2d]
    assert {(m.eps, m.momentum) for m in op.modules() if isinstance(m, nn.BatchNorm2d)} == {(1e-3, 0.1)}


def test_expansion_one_has_no_expanding_convolution() -> None:
    op = build_op(MBConvSpec(kernel_size=3, expansion=1), in_channels=4, out_channels=6)
    assert [module.groups for module in op.modules() if isinstance(module, nn.Conv2d)] == [4, 1]


@settings(max_examples=20)
@given(net=architectures(), seed=st.integers(0, 2**31))
def test_weights_depend_on_the_generator_alone(net: Architecture, seed: int) -> None:
    first = build_network(net, generator=torch.Generator().manual_seed(seed))
    torch.rand(1)
    second = build_network(net, generator=torch.Generator().manual_seed(seed))
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
    assert first.training


def test_weights_have_the_spread_of_the_original() -> None:
    conv, linear = nn.Conv2d(64, 128, 3, groups=2), nn.Linear(256, 512)
    initialize_weights(nn.Sequential(conv, linear), generator=torch.Generator().manual_seed(0))
    assert conv.weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert conv.weight.mean().item() == pytest.approx(0, abs=1e-3)
    assert linear.weight.abs().max().item() == pytest.approx(1 / 16, rel=0.01)
    assert linear.weight.std().item() == pytest.approx(1 / 16 / 3**0.5, rel=0.02)
    assert not linear.bias.any()


def test_refuses_what_it_cannot_build() -> None:
    with pytest.raises(TypeError, match="'conv' is not an operation that pnas_ops can build"):
        build_op("conv", in_channels=1, out_channels=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="odd and positive, got 2"):
        ConvSpec(kernel_size=2)
