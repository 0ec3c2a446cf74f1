"""Proxies of accuracy, against closed forms and kernels made by hand."""

from itertools import product
from math import inf, log

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pnas_ops import (
    ProxyError,
    build_network,
    digits_mbconv_space,
    nas_bench_macro_space,
    naswot,
    naswot_judge,
    synflow,
    synflow_judge,
)


def test_synflow_of_a_linear_net_is_its_output_once_for_each_layer() -> None:
    first, second = nn.Linear(4, 3, bias=False), nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        first.weight.mul_(1000)  # which ReLU6 would not let through
    network = nn.Sequential(first, nn.BatchNorm1d(3), nn.ReLU6(inplace=True), second)
    network[1].running_mean.fill_(5.0)
    output = float((second.weight.abs().double() @ first.weight.abs().double()).sum().detach())
    assert synflow(network, (1, 4)) == pytest.approx(log(2 * output))


def test_synflow_of_a_net_with_shortcuts_is_the_slope_along_its_weights() -> None:
    """Sum of theta dR / dtheta is what R gains where all weights grow alike, by a central difference."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1, bias=False)
            self.last, self.relu = nn.Linear(4, 2), nn.ReLU6()
            self.norm, self.other_norm = nn.BatchNorm2d(4), nn.BatchNorm2d(4)

        def forward(self, images: Tensor) -> Tensor:
            inner = self.relu(self.norm(self.first(images)))
            return self.last((inner + self.relu(self.other_norm(self.second(inner)))).mean((2, 3)))

    torch.manual_seed(0)
    network, ones = Net(), torch.ones(1, 3, 5, 5, dtype=torch.float64)

    def flow(scale: float) -> float:
        grown = {name: scale * weight.detach().double().abs() for name, weight in network.named_parameters()}
        inner = functional.conv2d(ones, grown["first.weight"], grown["first.bias"], padding=1)
        inner = inner + functional.conv2d(inner, grown["second.weight"], padding=1)
        return float(functional.linear(inner.mean((2, 3)), grown["last.weight"], grown["last.bias"]).sum())

    step = 1e-5
    assert synflow(network, (1, 3, 5, 5)) == pytest.approx(log((flow(1 + step) - flow(1 - step)) / (2 * step)))


def test_synflow_is_known_where_single_precision_has_no_number_for_it() -> None:
    layers = [nn.Linear(1, 1, bias=False) for _ in range(10)]
    for layer in layers:
        nn.init.constant_(layer.weight, 1e20)
    assert synflow(nn.Sequential(*layers), (1, 1)) == pytest.approx(log(10) + 200 * log(10))


def test_synflow_counts_biases_by_what_comes_of_them() -> None:
    layer = nn.Linear(2, 2)
    expected = float((layer.weight.abs().sum() + layer.bias.abs().sum()).detach())
    assert synflow(layer, (1, 2)) == pytest.approx(log(expected))


def test_synflow_of_a_net_through_which_nothing_flows_is_the_least() -> None:
    layer = nn.Linear(2, 2, bias=False)
    nn.init.zeros_(layer.weight)
    assert synflow(layer, (1, 2)) == -inf


def test_naswot_is_the_determinant_of_a_kernel_made_by_hand() -> None:
    first, second = nn.Linear(2, 3, bias=False), nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
        second.weight.copy_(torch.tensor([[1.0, -1.0, 0.0]]))
    images = torch.tensor([[1.0, 0.1], [-1.0, 2.0], [2.0, -1.0], [-1.0, -1.0]])
    # What is on: 111 and 1, 011 and 0, 101 and 1, 000 and 0.
    alike = torch.tensor([[4, 2, 3, 0], [2, 4, 1, 2], [3, 1, 4, 1], [0, 2, 1, 4]], dtype=torch.float64)
    expected = log(abs(float(torch.linalg.det(alike))))
    assert naswot(nn.Sequential(first, nn.ReLU(), second, nn.ReLU6()), images) == pytest.approx(expected)


def test_naswot_of_images_that_look_the_same_is_the_least() -> None:
    assert naswot(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), torch.ones(2, 2)) == -inf


def test_naswot_refuses_a_net_without_what_it_counts() -> None:
    with pytest.raises(ProxyError, match="NASWOT counts ReLUs, and the net has none: judge it by synflow"):
        naswot(nn.Linear(2, 2), torch.ones(2, 2))


def test_proxies_leave_a_net_as_it_is() -> None:
    network = build_network(digits_mbconv_space().architecture([0] * 6), generator=torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    synflow(network, (1, 1, 16, 16))
    naswot(network, torch.rand(2, 1, 16, 16))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_judges_give_the_same_generator_the_same_value_and_count_no_epoch() -> None:
    space = digits_mbconv_space()
    judges = synflow_judge(), naswot_judge(torch.rand(4, 1, 16, 16))
    for judge, seed in product(judges, (0, 1)):
        one, other = (judge.judge(space.architecture([0] * 6), torch.Generator().manual_seed(seed)) for _ in range(2))
        assert one == other
        assert one.epochs == 0
        assert one.value > -inf


def test_synflow_takes_the_deeper_net_for_the_better() -> None:
    space = nas_bench_macro_space(0.25)
    shallow, deep = (
        synflow_judge().judge(space.architecture([choice] * 8), torch.Generator().manual_seed(0)).value
        for choice in (0, 1)
    )
    assert deep > shallow
