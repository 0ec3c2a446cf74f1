"""What the rules find in torchvision's nets, and what their candidates start from."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck
from torchvision.ops import FrozenBatchNorm2d

from pnas_supernet import Rule, convolutions, first_of, inner_widths, inverted_residuals, with_skip
from small_nets import (
    output,
    settled,
    small_convnext,
    small_lraspp,
    small_mobilenet_v2,
    small_mobilenet_v3,
    small_resnet,
)

Found = dict[str, dict[str, nn.Module]]


def found(network: nn.Module, rule: Rule, inputs: Mapping[str, Tensor]) -> Found:
    """What a rule wants for the modules that were given these inputs."""
    asked = {path: rule(path, network.get_submodule(path), (x,)) for path, x in inputs.items()}
    return {path: dict(wanted) for path, wanted in asked.items() if wanted}


def wanted_by(rule: Rule, module: nn.Module, x: Tensor) -> dict[str, Any]:
    """What a rule has for a module by itself."""
    return dict(rule("0", module, (x,)) or {})


def inputs_of(network: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """What each module of a net is given first, as a hook sees it."""
    seen: dict[str, Tensor] = {}
    paths = {module: path for path, module in network.named_modules()}

    def see(module: nn.Module, args: tuple[object, ...]) -> None:
        if isinstance(args[0], Tensor):
            seen.setdefault(paths[module], args[0].clone())

    handles = [module.register_forward_pre_hook(see) for module in network.modules()]
    output(network, image)
    for handle in handles:
        handle.remove()
    return seen


def outermost(found_by_path: Found) -> Found:
    return {
        path: wanted
        for path, wanted in found_by_path.items()
        if path and not any(path.startswith(f"{other}.") for other in found_by_path if other)
    }


def look(make: Callable[[], nn.Module], rule: Rule) -> tuple[nn.Module, dict[str, Tensor], Found]:
    torch.manual_seed(0)
    network = settled(make()).double()
    inputs = inputs_of(network, torch.randn(2, 3, 32, 32, dtype=torch.float64))
    return network, inputs, outermost(found(network, rule, inputs))


def assert_equal(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_inverted_residuals_are_whole_blocks_with_every_kernel_and_expansion() -> None:
    _, _, places = look(small_mobilenet_v2, with_skip(inverted_residuals(kernel_sizes=(3, 5), expansions=(3, 6))))
    assert {path: [*wanted] for path, wanted in places.items()} == {
        "features.1": ["5x5"],
        "features.2": ["3x3 e3", "5x5 e3", "5x5 e6"],
        "features.3": ["3x3 e3", "5x5 e3", "5x5 e6", "skip"],
    }
    _, _, places = look(small_mobilenet_v3, with_skip(inverted_residuals(kernel_sizes=(3, 5), expansions=(3, 4))))
    assert {path: [*wanted] for path, wanted in places.items()} == {
        "features.1": ["5x5"],
        "features.2": ["3x3 e3", "3x3 e4", "5x5 e3", "5x5 e4"],
        "features.3": ["3x3 e3", "3x3 e4", "5x5 e3", "skip"],
    }
    _, _, places = look(small_lraspp, inverted_residuals())
    assert [*places] == ["backbone.1", "backbone.2", "backbone.3"]


@pytest.mark.parametrize("make", [small_resnet, small_convnext])
def test_other_nets_have_no_inverted_residual(make: Callable[[], nn.Module]) -> None:
    assert look(make, inverted_residuals())[2] == {}


class NormWithActivation(nn.BatchNorm2d):
    """A norm that holds the activation after it, as timm's nets have them."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.activation = nn.Sequential(nn.Identity(), nn.ReLU6())

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(super().forward(x))


class Universal(nn.Module):
    """MobileNetV4's inverted residual: a depthwise convolution stands before the first 1x1 convolution too."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.start_norm = nn.BatchNorm2d(8)
        self.expand = nn.Conv2d(8, 24, 1, bias=False)
        self.norm = NormWithActivation(24)
        self.middle = nn.Conv2d(24, 24, 5, padding=2, groups=24, bias=False)
        self.middle_norm = NormWithActivation(24)
        self.project = nn.Conv2d(24, 8, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.middle_norm(self.middle(self.norm(self.expand(self.start_norm(self.start(x))))))
        return self.project(hidden) + x


def test_a_norm_may_hold_its_activation_and_an_inverted_residual_begin_with_a_depthwise_convolution() -> None:
    torch.manual_seed(0)
    block = settled(Universal()).double()
    x = torch.randn(2, 8, 6, 6, dtype=torch.float64)
    wanted = wanted_by(inverted_residuals(kernel_sizes=(3, 5), expansions=(2, 3, 4)), block, x)
    assert [*wanted] == [f"{kernel} e{factor}" for kernel in ("3x3", "5x5") for factor in (2, 3, 4)]
    narrow, wide = wanted["3x3 e2"], wanted["5x5 e4"]
    assert (narrow.start.kernel_size, narrow.middle.kernel_size) == ((3, 3), (3, 3))
    assert narrow.middle.weight.shape == (16, 1, 3, 3)
    assert narrow.norm.num_features == len(narrow.norm.running_mean) == 16
    assert_equal(output(wide, x), output(block, x))


def test_two_separable_convolutions_in_a_row_are_two_places() -> None:
    def separable() -> nn.Module:
        return nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU())

    stage, x = nn.Sequential(separable(), separable()), torch.zeros(1, 8, 6, 6)
    assert not inverted_residuals()("0", stage, (x,))
    assert [*wanted_by(inverted_residuals(kernel_sizes=(5,)), stage[0], x)] == ["5x5"]


def test_inner_widths_are_those_of_blocks_and_not_of_stages() -> None:
    rule = with_skip(inner_widths(ratios=(0.5,)))
    blocks = {"layer1.0": ["w0.5", "skip"], "layer1.1": ["w0.5", "skip"], "layer2": ["w0.5"]}
    for make in (small_resnet, lambda: small_resnet(Bottleneck)):
        network, _, places = look(make, rule)
        assert {path: [*wanted] for path, wanted in places.items()} == blocks
    half = places["layer1.0"]["w0.5"].get_submodule
    assert half("conv2").weight.shape == (8, 8, 3, 3)
    assert half("conv3").weight.shape == (64, 8, 1, 1)
    assert network.get_submodule("layer1.0.conv2").weight.shape == (16, 16, 3, 3)

    _, _, places = look(small_convnext, inner_widths(ratios=(0.5, 1), kernel_sizes=(3, 7)))
    assert {path: [*wanted] for path, wanted in places.items()} == {
        "features.1": ["3x3 w0.5", "3x3 w1", "7x7 w0.5"],
        "features.3": ["3x3 w0.5", "3x3 w1", "7x7 w0.5"],
    }


def test_a_width_that_something_else_takes_too_is_none() -> None:
    class Attention(nn.Module):
        """Three linear layers that could follow one another, and do not."""

        def __init__(self) -> None:
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            return (self.query(x) @ self.key(x).transpose(1, 2)).softmax(dim=2) @ self.value(x)

    class Gated(nn.Module):
        """The second layer takes what the first gives; and so does the output."""

        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.first(x)
            return self.second(hidden) + hidden

    x = torch.zeros(2, 4, 8)
    assert not inner_widths()("block", Attention(), (x,))
    assert not inner_widths()("block", Gated(), (x,))
    norm = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.Linear(16, 8))
    assert not inner_widths()("block", norm, (x,)), "LayerNorm joins all channels"
    image = torch.zeros(2, 8, 4, 4)
    for joining in (nn.GroupNorm(1, 16), nn.Softmax(dim=1)):
        block = nn.Sequential(nn.Conv2d(8, 16, 1), joining, nn.Conv2d(16, 8, 1))
        assert not inner_widths()("block", block, (image,)), "and so do these, which take any number of them"
    assert inner_widths()("block", nn.Sequential(nn.Linear(8, 16), nn.PReLU(), nn.Linear(16, 8)), (x,))


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (small_mobilenet_v2, inverted_residuals(kernel_sizes=(3, 5), expansions=(6, 8, 15))),
        (small_mobilenet_v3, inverted_residuals(kernel_sizes=(5, 7), expansions=(8, 12))),
        (small_resnet, inner_widths(ratios=(1, 1.5, 3), kernel_sizes=(3, 5))),
        (lambda: small_resnet(Bottleneck), inner_widths(ratios=(1, 2), kernel_sizes=(3, 5))),
        (small_convnext, inner_widths(ratios=(1, 1.25), kernel_sizes=(7, 9))),
        (small_convnext, convolutions(kernel_sizes=(9,))),
        (small_resnet, convolutions(kernel_sizes=(5,))),
    ],
)
def test_what_is_larger_gives_the_same_output_at_first_and_can_learn(make: Callable[[], nn.Module], rule: Rule) -> None:
    network, inputs, places = look(make, rule)
    assert places
    for path, wanted in places.items():
        module = network.get_submodule(path)
        for title, candidate in wanted.items():
            assert sum(map(Tensor.numel, candidate.parameters())) > sum(map(Tensor.numel, module.parameters())), title
            assert_equal(output(candidate, inputs[path]), output(module, inputs[path]))
            candidate(inputs[path]).square().sum().backward()
            assert all(weight.grad.any() for weight in candidate.parameters()), title


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (small_mobilenet_v2, inverted_residuals(kernel_sizes=(3,), expansions=(3,))),
        (small_mobilenet_v3, inverted_residuals(kernel_sizes=(5,), expansions=(2,))),
        (small_resnet, inner_widths(ratios=(0.5,))),
        (lambda: small_resnet(Bottleneck), inner_widths(ratios=(0.25,))),
        (small_convnext, inner_widths(ratios=(0.5,))),
    ],
)
def test_a_narrower_block_is_the_original_without_some_channels(make: Callable[[], nn.Module], rule: Rule) -> None:
    """In the original, a channel is gone where nothing takes it up, a squeeze-excitation included."""
    network, inputs, places = look(make, rule)
    checked = 0
    for path, wanted in places.items():
        for narrow in (narrow for title, narrow in wanted.items() if title.split()[-1][0] in "ew"):
            muted = copy.deepcopy(network.get_submodule(path))
            gates = [layer for name, layer in muted.named_modules() if name.endswith("fc1")]
            for name, layer in muted.named_modules():
                if isinstance(layer, nn.Conv2d | nn.Linear) and layer not in gates:
                    strengths = layer.weight.detach().abs().transpose(0, 1).flatten(1).sum(1)
                    slim: Any = narrow.get_submodule(name)
                    kept = strengths.topk(slim.weight.shape[1]).indices
                    gone = [channel for channel in range(len(strengths)) if channel not in kept]
                    if gone and layer.weight.shape[1] > 1:
                        for taker in (layer, *gates):
                            taker.weight.data[:, gone] = 0
                        checked += 1
            assert_equal(output(narrow, inputs[path]), output(muted, inputs[path]))
    assert checked


def test_smaller_kernels_are_the_middle_of_the_original() -> None:
    conv = nn.Conv2d(4, 6, 5, stride=2, padding=4, dilation=2)
    found = wanted_by(convolutions(kernel_sizes=(1, 3, 5)), conv, torch.zeros(1, 4, 9, 9))
    assert [*found] == ["1x1", "3x3"]
    assert torch.equal(found["3x3"].weight, conv.weight[:, :, 1:4, 1:4])
    assert torch.equal(found["1x1"].weight, conv.weight[:, :, 2:3, 2:3])
    assert found["3x3"].padding == (2, 2)
    cropped = copy.deepcopy(conv)
    with torch.no_grad():
        frame = torch.ones(5, 5)
        frame[1:4, 1:4] = 0
        cropped.weight *= 1 - frame
    x = torch.randn(2, 4, 9, 9)
    torch.testing.assert_close(found["3x3"](x), cropped(x))


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "circular"])
@pytest.mark.parametrize("padding", [1, "same"])
def test_a_frame_of_zeros_changes_nothing_however_the_image_is_padded(padding_mode: Any, padding: Any) -> None:
    conv = nn.Conv2d(3, 3, 3, padding=padding, padding_mode=padding_mode, groups=3).double()
    larger = wanted_by(convolutions(kernel_sizes=(7,)), conv, torch.zeros(1, 3, 8, 8).double())["7x7"]
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    assert_equal(larger(x), conv(x))


def test_groups_keep_the_weights_that_join_channels_of_a_group() -> None:
    conv = nn.Conv2d(4, 6, 3, padding=2)
    found = wanted_by(convolutions(groups=(2, 3)), conv, torch.zeros(1, 4, 8, 8))
    assert [*found] == ["g2"], "three do not divide four channels"
    apart = copy.deepcopy(conv)
    with torch.no_grad():
        apart.weight[:3, 2:] = 0
        apart.weight[3:, :2] = 0
    x = torch.randn(2, 4, 8, 8)
    torch.testing.assert_close(found["g2"](x), apart(x))
    both = wanted_by(convolutions(kernel_sizes=(5,), groups=(2,)), nn.Conv2d(4, 6, 3, padding=1), x)
    assert [*both] == ["5x5", "g2", "5x5 g2"]


class Sugared(nn.Conv2d):
    """A convolution with defaults of somebody's."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1, groups=channels)


class PadsItself(nn.Conv2d):
    """A convolution with TensorFlow's padding, as nets from there have it."""

    def forward(self, x: Tensor) -> Tensor:
        for dim in (2, 3):
            size, kernel, stride, dilation = (
                x.shape[dim],
                *(value[dim - 2] for value in (self.kernel_size, self.stride, self.dilation)),
            )
            last = (-(-size // stride) - 1) * stride
            lacking = max(last + dilation * (kernel - 1) + 1 - size, 0)
            before, after = lacking // 2, lacking - lacking // 2
            x = nn.functional.pad(x, (0, 0, before, after) if dim == 2 else (before, after))
        return nn.functional.conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class Standardized(nn.Conv2d):
    """A convolution that uses its weights in another way."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        return self._conv_forward(x, weight, self.bias)


class PaddedForOneSize(PadsItself):
    """As `PadsItself` pads an image of even size, whatever it is given."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(nn.functional.pad(x, (0, 1, 0, 1)), self.weight, self.bias)


class Routed(nn.Conv2d):
    """Takes more than an image."""

    def forward(self, x: Tensor, routing: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x) * routing


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [8, 9, 11])
def test_a_convolution_that_pads_like_tensorflow_gets_other_kernels(stride: int, size: int) -> None:
    torch.manual_seed(0)
    conv = PadsItself(4, 4, 3, stride=stride, groups=4).double()
    x = torch.randn(2, 4, size, size, dtype=torch.float64)
    found = wanted_by(convolutions(kernel_sizes=(5, 7)), conv, x)
    assert [*found] == ["5x5", "7x7"]
    for larger in found.values():
        assert_equal(output(larger, x), output(conv, x))


def test_blocks_of_subclasses_are_blocks() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    for middle in (Sugared(12), PadsItself(12, 12, 3, stride=2, groups=12)):
        block = nn.Sequential(nn.Conv2d(4, 12, 1), nn.ReLU6(), middle, nn.ReLU6(), nn.Conv2d(12, 6, 1)).double()
        wanted = wanted_by(inverted_residuals(kernel_sizes=(3, 5), expansions=(2, 4)), block, x)
        assert [*wanted] == ["3x3 e2", "3x3 e4", "5x5 e2", "5x5 e4"]
        assert_equal(output(wanted["5x5 e4"], x), output(block, x))


@pytest.mark.parametrize(
    "module",
    [
        Standardized(4, 4, 3, padding=1),
        PaddedForOneSize(4, 4, 3, stride=2),
        Routed(4, 4, 3, padding=1),
        nn.Conv2d(4, 4, 3),
        nn.Conv2d(4, 4, 4, padding=2),
        nn.Conv2d(4, 4, (3, 5), padding=(1, 2)),
        nn.Conv2d(4, 4, 1),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3, padding=1)),
        nn.ConvTranspose2d(4, 4, 3, padding=1),
    ],
)
def test_kernels_that_are_none_of_its_kind_stay(module: nn.Module) -> None:
    assert not convolutions(kernel_sizes=(1, 5))("0", module, (torch.zeros(1, 4, 8, 8),))


def test_statistics_go_with_their_channels() -> None:
    block = nn.Sequential(nn.Conv2d(2, 3, 1), FrozenBatchNorm2d(3), nn.Conv2d(3, 2, 1))
    block[1].running_mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    with torch.no_grad():
        block[2].weight.copy_(torch.tensor([[1.0, 9.0, 5.0], [1.0, 9.0, 5.0]]).view(2, 3, 1, 1))
    (narrow,) = wanted_by(inner_widths(ratios=(2 / 3,)), block, torch.zeros(1, 2, 4, 4)).values()
    assert narrow[1].running_mean.tolist() == [2.0, 3.0]
    assert narrow[0].weight.tolist() == block[0].weight[1:].tolist()
    assert narrow[2].weight.tolist() == block[2].weight[:, 1:].tolist()


def test_nothing_is_drawn_from_pytorchs_generator() -> None:
    network, inputs, _ = look(small_mobilenet_v3, inverted_residuals())
    before = torch.get_rng_state()
    found(network, first_of(inverted_residuals(), inner_widths(), convolutions(groups=(2,), kernel_sizes=(3,))), inputs)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_first_rule_that_has_candidates_has_the_say() -> None:
    conv, x = nn.Conv2d(4, 4, 3, padding=1), torch.zeros(1, 4, 8, 8)
    kernels, groups = convolutions(kernel_sizes=(1,)), convolutions(groups=(2,))
    nothing: Rule = lambda path, module, inputs: None  # noqa: E731
    assert [*wanted_by(first_of(nothing, kernels, groups), conv, x)] == ["1x1"]
    assert first_of(nothing)("0", conv, (x,)) is None


def test_skips_stand_only_where_the_shape_stays() -> None:
    rule = with_skip(convolutions(groups=(2,)))
    x = torch.zeros(1, 4, 8, 8)
    assert [*wanted_by(rule, nn.Conv2d(4, 4, 3, padding=1), x)] == ["g2", "skip"]
    assert [*wanted_by(rule, nn.Conv2d(4, 4, 3, padding=1, stride=2), x)] == ["g2"]
    assert [*wanted_by(rule, nn.Conv2d(4, 8, 1), x)] == ["g2"]
    assert rule("0", nn.ReLU(), (x,)) is None


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(ValueError, match="an odd number from 1 on, got 4"):
        convolutions(kernel_sizes=(3, 4))
    with pytest.raises(ValueError, match="changes nothing: pass kernel_sizes"):
        convolutions()


class Gained(nn.Module):
    """Two layers whose output counts nothing yet; with `leak`, what lies between them is seen outside too."""

    def __init__(self, *, leak: bool) -> None:
        super().__init__()
        self.leak = leak
        self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 4)
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x).relu()
        seen = hidden.mean(1, keepdim=True) if self.leak else 0
        return x + self.gain * (self.second(hidden) + seen)


def test_a_block_that_starts_from_zeros_proves_nothing_by_them() -> None:
    rule = inner_widths(ratios=(0.5,))
    assert not wanted_by(rule, Gained(leak=True), torch.zeros(2, 4))
    assert set(wanted_by(rule, Gained(leak=False), torch.zeros(2, 4))) == {"w0.5"}
