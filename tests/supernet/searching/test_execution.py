"""Mixed precision: what is cast, what stays float32, how far gradients are off, and the scaling of the loss."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.functional import cross_entropy

from bits import bits
from pnas_supernet import (
    DivergenceError,
    ExactGate,
    Execution,
    GatePath,
    Loss,
    MixedOp,
    Readings,
    SinglePath,
    StepResult,
    TwoPathGate,
    alpha_parameters,
    arch_step,
    mixed_ops,
    weight_parameters,
    weight_step,
)

Step = Callable[..., StepResult]

HALVES = [torch.bfloat16, torch.float16]
PATHS = [ExactGate(2), ExactGate(0)]

# In `PositiveNet` everything is positive, so no sum cancels, and each rounding to a half type, which is off by at most
# u = eps / 2, passes on to all that follows as a factor between 1 - u and 1 + u. A gradient goes through the input's
# rounding, those of weight, output and output's gradient in each of five layers, and its own: 17, of which the product
# is off by at most (1 + u)^17 - 1. float32's own errors are thousands of times smaller; one rounding more covers them.
ROUNDINGS = 18


def relative_bound(dtype: torch.dtype) -> float:
    return (1 + torch.finfo(dtype).eps / 2) ** ROUNDINGS - 1


class PositiveNet(nn.Sequential):
    """Five linear layers of positive numbers, which ReLU leaves alone; the mean of its outputs is the loss."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 4, 3, bias=False),
            MixedOp([nn.Conv2d(4, 4, k, padding=k // 2, bias=False) for k in (1, 3, 5)]),
            nn.ReLU(),
            MixedOp([nn.Conv2d(4, 4, k, padding=k // 2, bias=False) for k in (5, 1, 3)]),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 2, bias=False),
        )
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for weight in weight_parameters(self):
                fan_in = weight[0].numel()
                weight.uniform_(0.5 / fan_in, 2 / fan_in, generator=generator)


def mean(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs.mean()


def tiny_mean(outputs: Tensor, targets: Tensor) -> Tensor:
    """Of gradients far below the smallest number of float16, 6e-8."""
    return 1e-10 * outputs.mean()


@pytest.fixture
def positive_batch() -> tuple[Tensor, Tensor]:
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)) + 0.1, torch.zeros(2)


def gradients(step: Step, batch: tuple[Tensor, Tensor], loss: Loss, execution: Execution) -> dict[str, Tensor]:
    """What a step leaves in `.grad`, unscaled."""
    network = PositiveNet()
    optimizer = torch.optim.SGD(
        weight_parameters(network) if step is weight_step else alpha_parameters(network), lr=0.0
    )
    result = step(network, *batch, paths=PATHS, loss=loss, optimizer=optimizer, execution=execution)
    assert math.isfinite(result.loss)
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


def assert_within_bounds(half: dict[str, Tensor], full: dict[str, Tensor], loss: Tensor, dtype: torch.dtype) -> None:
    assert half.keys() == full.keys()
    for name, expected in full.items():
        scale = expected
        if name.endswith("alpha"):
            # dL/dalpha_i = p_i (G_i - mean G), where the gates' gradients G are positive: each is off relatively, their
            # difference by their sum. The active gate's is the loss, as the network is linear in its output.
            active = PATHS[0 if name.startswith("1.") else 1].active
            p = 1 / len(expected)
            mean_gate = loss - expected[active] / p
            scale = p * (expected / p + mean_gate + mean_gate)
            assert (scale > 0).all()
        assert half[name].dtype == torch.float32
        assert ((half[name] - expected).abs() <= relative_bound(dtype) * scale).all(), name
        assert not torch.equal(half[name], expected), f"{name} was computed in float32"


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("step", [weight_step, arch_step])
def test_gradients_in_half_precision_are_off_by_its_roundings(
    positive_batch: tuple[Tensor, Tensor], step: Step, dtype: torch.dtype
) -> None:
    full = gradients(step, positive_batch, mean, Execution())
    half = gradients(step, positive_batch, mean, Execution(autocast=dtype))
    assert_within_bounds(half, full, loss_of(positive_batch), dtype)


def loss_of(batch: tuple[Tensor, Tensor]) -> Tensor:
    network = PositiveNet()
    optimizer = torch.optim.SGD(alpha_parameters(network), lr=0.0)
    return arch_step(network, *batch, paths=PATHS, loss=mean, optimizer=optimizer).loss


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("paths", [[ExactGate(1), ExactGate(3)], [TwoPathGate(3, 0), TwoPathGate(2, 1)]], ids=str)
def test_only_the_forward_pass_is_cast(
    network: nn.Module, batch: tuple[Tensor, Tensor], paths: list[GatePath], dtype: torch.dtype
) -> None:
    network.float()
    inputs, targets = batch[0].float(), batch[1]
    seen: list[torch.dtype] = []

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        seen.append(outputs.dtype)
        return cross_entropy(outputs, targets)

    for step, parameters in [(weight_step, weight_parameters(network)), (arch_step, alpha_parameters(network))]:
        optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
        result = step(
            network, inputs, targets, paths=paths, loss=loss, optimizer=optimizer, execution=Execution(autocast=dtype)
        )
        assert result.outputs.dtype == dtype
        assert result.loss.dtype == seen.pop() == torch.float32
        assert result.outputs.isfinite().all()
        for tensor in network.state_dict().values():
            assert tensor.dtype in (torch.float32, torch.int64)
            assert tensor.isfinite().all()
        assert {p.grad.dtype for p in parameters if p.grad is not None} == {torch.float32}


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_gate_products_are_reduced_in_float32(dtype: torch.dtype) -> None:
    """A sum that overflows float16 and, added up in bfloat16, would stay at 256 times its terms."""
    x = torch.full((1, 16, 64, 64), 3.0, dtype=dtype, requires_grad=True)
    alpha = torch.zeros(2, requires_grad=True)
    ExactGate(0)([nn.Identity(), nn.Hardtanh(max_val=1.0)], alpha, x).float().sum().backward()
    products = torch.tensor([3.0, 1.0]) * x.numel()
    assert alpha.grad is not None
    assert torch.equal(alpha.grad, 0.5 * (products - products.mean()))


@pytest.mark.parametrize("step", [weight_step, arch_step])
def test_scaling_saves_gradients_from_underflow(positive_batch: tuple[Tensor, Tensor], step: Step) -> None:
    full = gradients(step, positive_batch, tiny_mean, Execution())
    lost = gradients(step, positive_batch, tiny_mean, Execution(autocast=torch.float16))
    assert not any(gradient.any() for gradient in lost.values())
    scaler = GradScaler("cpu", init_scale=2.0**33)
    saved = gradients(step, positive_batch, tiny_mean, Execution(autocast=torch.float16, scaler=scaler))
    assert_within_bounds(saved, full, 1e-10 * loss_of(positive_batch), torch.float16)


@pytest.mark.parametrize("fused", [False, True], ids=["plain", "fused"])
@pytest.mark.parametrize("step", [weight_step, arch_step])
def test_an_overflow_leaves_out_the_step_and_lowers_the_scale(
    positive_batch: tuple[Tensor, Tensor], step: Step, fused: bool
) -> None:
    network = PositiveNet()
    with torch.no_grad():
        for op in mixed_ops(network):
            op.alpha.copy_(torch.tensor([0.1, -0.2, 0.3]))
    paths = [TwoPathGate(0, 2), TwoPathGate(1, 0)] if step is arch_step else [SinglePath(1), SinglePath(2)]
    parameters = alpha_parameters(network) if step is arch_step else weight_parameters(network)
    optimizer = torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.1, fused=fused)
    execution = Execution(autocast=torch.float16, scaler=GradScaler("cpu", init_scale=2.0**10))

    def take() -> tuple[object, object]:
        step(network, *positive_batch, paths=paths, loss=mean, optimizer=optimizer, execution=execution)
        return bits(network.state_dict()), bits(optimizer.state_dict())

    before = take()
    execution.scaler.update(2.0**40)
    assert take() == before
    assert execution.scaler.get_scale() == 2.0**39
    execution.scaler.update(2.0**10)
    network_after, optimizer_after = take()
    assert network_after != before[0]
    assert optimizer_after != before[1]
    assert execution.scaler.get_scale() == 2.0**10


@pytest.mark.parametrize("every", [1, 11])
def test_a_float16_search_whose_gradients_never_fit_stops(every: int) -> None:
    weight = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    execution = Execution(scaler=GradScaler("cpu", init_scale=1.0), readings=Readings(every))
    scales = []
    with pytest.raises(DivergenceError, match=r"^gradients overflow even with the loss scaled by 0\.001$"):
        for _ in range(20):
            weight.grad = torch.full((1,), float("inf"))
            execution.scaler.scale(torch.zeros(()))
            execution.step(optimizer)
            scales.append(execution.scaler.get_scale())
            execution.readings.end_step()
    assert scales == [0.5**halvings for halvings in range(1, 11 if every == 1 else 12)]
    assert torch.equal(weight.detach(), torch.ones(1))
