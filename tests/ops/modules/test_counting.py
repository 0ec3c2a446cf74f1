"""Size and work against a count by hand and against the published numbers."""

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

from pnas_ops import (
    Architecture,
    architecture_macs,
    architecture_parameters,
    build_network,
    count_macs,
    count_parameters,
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


def test_counting_restores_the_mode_after_an_error() -> None:
    network = nn.Conv2d(2, 3, 3).train()
    with pytest.raises(RuntimeError, match="channels"):
        count_macs(network, (1, 5, 5, 5))
    assert network.training


def test_counts_a_module_without_parameters() -> None:
    assert count_macs(nn.Identity(), (1, 2, 3, 4)) == 0
    assert count_parameters(nn.Identity()) == 0
