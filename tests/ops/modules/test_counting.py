"""Size and work against a count by hand and against the published numbers."""

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from pnas_ops import (
    Architecture,
    account_of,
    architecture_macs,
    architecture_parameters,
    build_network,
    count_macs,
    count_parameters,
    forward_macs,
)
from strategies import architectures


@settings(max_examples=40)
@given(architectures())
def test_macs_and_parameters_agree_with_hooks(net: Architecture) -> None:
    macs = 0

    def count(module: nn.Module, args: tuple[Tensor], output: Tensor) -> None:
        nonlocal macs
        if isinstance(module, nn.Conv2d):
            per_value = module.in_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]
            macs += output.numel() * per_value
        elif isinstance(module, nn.Linear):
            macs += output.numel() * module.in_features

    network = build_network(net).eval()
    for module in network.modules():
        module.register_forward_hook(count)
    with torch.inference_mode():
        network(torch.rand(1, net.in_channels, net.resolution, net.resolution))

    assert architecture_macs(net) == macs
    buffers = {name for name, _ in network.named_buffers()}
    assert architecture_parameters(net) == sum(
        value.numel() for name, value in network.state_dict().items() if name not in buffers
    )


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_the_net_as_it_was(training: bool) -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}

    assert count_macs(network, (1, 2, 5, 5)) == 3 * 3 * 3 * 2 * 9

    assert network.training is training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


class TwoProducts(nn.Module):
    """What `torch.nn.Bilinear` computes, x1' W x2 for each output, in products of matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(5, 3, 4))

    def forward(self, x: Tensor) -> Tensor:
        first, second = x[:, :3], x[:, 3:]
        left = (first @ self.weight.permute(1, 0, 2).reshape(3, 20)).view(-1, 5, 4)
        return torch.bmm(left, second[:, :, None]).squeeze(2)


class OfHalves(nn.Module):
    """A `torch.nn.Bilinear` of one input in two parts."""

    def __init__(self) -> None:
        super().__init__()
        self.bilinear = nn.Bilinear(3, 4, 5, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.bilinear(x[:, :3], x[:, 3:])


def test_a_bilinear_layer_has_the_macs_of_the_products_that_it_is() -> None:
    layer, products = OfHalves(), TwoProducts()
    layer.bilinear.weight = products.weight
    x = torch.rand(2, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(x), products(x))
    assert count_macs(layer, (2, 7)) == count_macs(products, (2, 7)) == 2 * 5 * 4 * (3 + 1)
    (line,) = account_of(layer, [(2, 7)]).lines
    assert (line.operator, line.macs, line.parameters) == ("bilinear", 160, 60)


def test_counting_restores_the_mode_after_an_error() -> None:
    network = nn.Conv2d(2, 3, 3).train()
    with pytest.raises(RuntimeError, match="channels"):
        count_macs(network, (1, 5, 5, 5))
    assert network.training


def test_counts_a_module_without_parameters() -> None:
    assert count_macs(nn.Identity(), (1, 2, 3, 4)) == 0
    assert count_parameters(nn.Identity()) == 0


def test_counting_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert count_macs(nn.Conv2d(1, 1, 3), (1, 1, 3, 3)) == 9
    assert capsys.readouterr() == ("", "")


class OwnAttention(nn.Module):
    """Attention of 2 heads over 7 positions of 8 channels, by PyTorch's function for it."""

    def forward(self, x: Tensor) -> Tensor:
        heads = x.view(-1, 7, 2, 4).transpose(1, 2)
        return nn.functional.scaled_dot_product_attention(heads, heads, heads)


_POSITIONS = 3 * 7
_PRODUCTS_OF_ATTENTION = 2 * _POSITIONS * 7 * 8
_PROJECTIONS = _POSITIONS * 8 * (3 * 8 + 8)


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (OwnAttention(), _PRODUCTS_OF_ATTENTION),
        (
            nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True),
            _PROJECTIONS + _PRODUCTS_OF_ATTENTION + 2 * _POSITIONS * 8 * 16,
        ),
    ],
)
def test_attention_counts_in_whatever_kernel_it_runs(layer: nn.Module, macs: int) -> None:
    assert count_macs(layer, (3, 7, 8)) == macs == account_of(layer, [(3, 7, 8)]).macs
    assert torch.backends.mha.get_fastpath_enabled()


def test_attention_counts_where_the_net_chooses_its_kernel() -> None:
    def forward() -> None:
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            OwnAttention()(torch.zeros(3, 7, 8))

    assert forward_macs(forward) == _PRODUCTS_OF_ATTENTION
