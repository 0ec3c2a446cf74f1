"""Fake quantization: what it rounds, what passes it, and that it computes what the int8 file does."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from digits_net import Digits
from pnas_export import AiEdgeLitert, FakeQuantized, Scheme
from pnas_export.quantizing import fake_quantization
from pnas_export.quantizing.fake_steps import FakeSteps, round_weight


def steps_between(low: float, high: float) -> FakeSteps:
    steps = FakeSteps()
    steps(torch.tensor([low, high]))
    steps.rounds = True
    return steps.eval()


def test_activations_are_rounded_to_256_steps_of_which_0_is_one() -> None:
    values = np.linspace(-0.9, 3.1, 2001)
    scale = (2.9 + 0.7) / 255
    zero = np.rint(-128 + 0.7 / scale)
    expected = (np.clip(np.rint(values / scale) + zero, -128, 127) - zero) * scale
    found = steps_between(-0.7, 2.9)(torch.tensor(values)).numpy()
    # Values that lie between two steps may go to either.
    assert np.mean(np.abs(found - expected) > 1e-5) < 0.01
    assert len(np.unique(found.round(5))) == 256
    assert 0.0 in found


@pytest.mark.parametrize(("low", "high", "zero"), [(0.5, 2.0, -128), (-2.0, -0.5, 127)])
def test_a_range_holds_0(low: float, high: float, zero: int) -> None:
    steps = steps_between(low, high)
    assert -128 - round(float(steps.low / ((steps.high - steps.low) / 255))) == zero


def test_gradients_pass_the_rounding_straight_and_stop_outside_the_range() -> None:
    values = torch.tensor([-1.0, -0.4, 0.0, 0.123, 1.9, 2.5], requires_grad=True)
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    (steps_between(-0.5, 2.0)(values) * weights).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [0.0, 2.0, 3.0, 4.0, 5.0, 0.0]


def test_weights_have_one_scale_a_channel_and_gradients_pass_them() -> None:
    weight = (
        torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
        * torch.tensor([1e-3, 1, 10, 100])[:, None, None, None]
    )
    weight.requires_grad_()
    rounded = round_weight(weight)
    scales = weight.detach().abs().amax((1, 2, 3), keepdim=True) / 127
    expected = (weight.detach().double() / scales).round() * scales
    torch.testing.assert_close(rounded.detach().double(), expected.double(), rtol=1e-5, atol=0.0)
    rounded.sum().backward()
    assert weight.grad is not None
    assert torch.equal(weight.grad, torch.ones_like(weight))


def test_in_training_a_range_holds_every_batch_and_shrinks_slowly() -> None:
    steps = steps_between(-1.0, 1.0).train()
    steps(torch.tensor([-3.0, 0.5]))
    assert float(steps.low) == -3.0
    assert float(steps.high) == pytest.approx(0.99 * 1.0 + 0.01 * 0.5)
    steps.eval()(torch.tensor([-9.0, 9.0]))
    assert float(steps.low) == -3.0


def test_it_computes_what_the_int8_file_does(digits: Digits, quantized: dict[Scheme, Path]) -> None:
    path = quantized["int8"]
    fake = FakeQuantized(digits.net, digits.calibration).eval()
    with torch.no_grad():
        found, exact = fake(digits.images), digits.net.eval()(digits.images)
    logits = AiEdgeLitert().load(path)(digits.images)
    (output,) = AiEdgeLitert().interpreter(path.read_bytes()).get_output_details()
    step = output["quantization"][0]
    off = ((found - logits) / step).abs()
    assert float(off.max()) < 1.01
    # Measured: 0.13 of the logits are a step off, and up to 3.6 steps those of the float net.
    assert float((off > 0.5).float().mean()) < 0.25
    assert float((logits - exact).abs().max()) > 2 * step


class Branches(nn.Module):
    """Grouped and plain convolutions with and without BatchNorm, works in place, joins, gates and reshapes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Hardswish(inplace=True))
        self.left = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8, bias=False), nn.BatchNorm2d(8, affine=False))
        self.right = nn.Sequential(nn.Conv2d(8, 8, 3), nn.ReLU(inplace=True))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Hardsigmoid())
        self.last = nn.Linear(16, 4)

    def forward(self, images: Tensor) -> Tensor:
        stem = self.stem(images)
        joined = torch.cat([self.left(stem), self.right(stem) * self.gate(stem)], dim=1)
        return self.last(joined.mean((2, 3)).view(joined.size(0), -1))


def test_any_net_is_trained_as_a_copy_with_statistics_that_stay() -> None:
    torch.manual_seed(0)
    net, images = Branches(), torch.randn(32, 3, 8, 8)
    for _ in range(3):
        net(images)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    fake = FakeQuantized(net, images).train()
    with torch.no_grad():
        exact = net.eval()(images)
        assert 1e-4 < float((fake(images) - exact).norm() / exact.norm()) < 0.1
    fake(images[:5]).square().sum().backward()
    assert all(parameter.grad is not None for parameter in fake.parameters())
    torch.optim.SGD(fake.parameters(), lr=0.1).step()
    trained = fake.trained.state_dict()
    assert trained.keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    parameters = {name for name, _ in net.named_parameters()}
    assert {name for name in before if not torch.equal(trained[name], before[name])} == parameters
    assert not fake.trained.training


def compiled(net: nn.Module) -> nn.Module:
    return torch.compile(net, backend="eager")  # type: ignore[return-value]


@pytest.mark.parametrize("wrap", [nn.DataParallel, compiled, lambda net: nn.DataParallel(compiled(net))])
def test_wrappers_are_left_out_as_in_exports(wrap: Callable[[nn.Module], nn.Module]) -> None:
    torch.manual_seed(0)
    net, images = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5)), torch.randn(8, 3, 6, 6)
    fake = FakeQuantized(wrap(net), images)
    assert torch.equal(fake(images), FakeQuantized(net, images)(images))
    assert fake.trained.state_dict().keys() == net.state_dict().keys()


def test_everything_is_on_the_device_of_the_net(monkeypatch: pytest.MonkeyPatch) -> None:
    # In place of a GPU: the meta device, which nets to be exported may not be on.
    monkeypatch.setattr(fake_quantization, "unwrapped_copy", copy.deepcopy)
    monkeypatch.setattr(fake_quantization, "check_input", lambda *_: None)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).to("meta")
    fake = FakeQuantized(net, torch.randn(8, 3, 6, 6))
    assert {name: tensor.device.type for name, tensor in fake.state_dict().items() if not tensor.is_meta} == {}


def test_it_gives_its_outputs_as_the_net_does() -> None:
    class Maps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 3)

        def forward(self, images: Tensor) -> dict[str, Tensor]:
            features = self.stem(images).relu()
            return {"out": features, "mean": features.mean((2, 3))}

    torch.manual_seed(0)
    net, images = Maps(), torch.randn(8, 3, 6, 6)
    found, exact = FakeQuantized(net, images)(images), net(images)
    assert found.keys() == exact.keys()
    for name, values in exact.items():
        assert 1e-4 < float((found[name] - values).detach().norm() / values.detach().norm()) < 0.05


def test_a_net_that_cannot_be_traced_is_refused_in_a_line() -> None:
    class Undecided(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images if images.sum() > 0 else -images

    with pytest.raises(ValueError, match=r"^torch\.export does not take the net with batches of any size: [^\n]+$"):
        FakeQuantized(Undecided(), torch.randn(4, 3, 8, 8))
    with pytest.raises(ValueError, match=r"^the net does not take images of shape \(2, 1, 8, 8\): [^\n]+$"):
        FakeQuantized(Branches(), torch.randn(4, 1, 8, 8))


@pytest.mark.parametrize("sizes", [(8, 24), (24, 24)])
def test_batch_norm_over_another_dimension_than_the_weights_is_not_folded(sizes: tuple[int, int]) -> None:
    torch.manual_seed(0)
    rows, channels = sizes
    net, images = nn.Sequential(nn.Linear(8, channels), nn.BatchNorm1d(rows)), torch.randn(64, rows, 8)
    net(images)
    exact = net.eval()(images)
    with torch.no_grad():
        assert (FakeQuantized(net, images).eval()(images) - exact).norm() < 0.05 * exact.norm()


def test_batch_norm_with_the_statistics_of_each_batch_is_not_folded() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, track_running_stats=False)).eval()
    images = torch.randn(16, 3, 8, 8)
    with torch.no_grad():
        exact = net(images)
        assert (FakeQuantized(net, images).eval()(images) - exact).norm() < 0.05 * exact.norm()
