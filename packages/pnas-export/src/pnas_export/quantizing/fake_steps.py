"""Rounding to the steps of int8 in float, with straight-through gradients."""

import torch
from torch import Tensor, nn

_MOMENTUM = 0.01
_SMALLEST_RANGE = 1e-9


class FakeSteps(nn.Module):
    """Rounds an activation to the 256 steps between the smallest and the largest value; 0 is one of them.

    Attributes:
        rounds: whether it rounds; if not, it only widens its range to the values that it sees.
    """

    low: Tensor
    high: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.rounds = False
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))

    def forward(self, values: Tensor) -> Tensor:
        """Rounded values of the same shape; in training mode the range is updated, and covers all of them."""
        if not self.rounds:
            self._follow(values, 0.0)
            return values
        if self.training:
            self._follow(values, _MOMENTUM)
        scale = ((self.high - self.low) / 255).clamp(min=_SMALLEST_RANGE)
        zero_point = (-128 - self.low / scale).round().int()
        return torch.fake_quantize_per_tensor_affine(values, scale, zero_point, -128, 127)

    @torch.no_grad()
    def _follow(self, values: Tensor, momentum: float) -> None:
        # A file's ranges also cover more than any single image: its calibration sees some hundred images.
        low, high = values.aminmax()
        self.low.copy_(torch.minimum(torch.lerp(self.low, low, momentum), low.clamp(max=0)))
        self.high.copy_(torch.maximum(torch.lerp(self.high, high, momentum), high.clamp(min=0)))


def round_weight(weight: Tensor) -> Tensor:
    """Weights (out, ...) rounded to -127 to 127 steps, with one scale per output channel."""
    largest = weight.detach().flatten(1).abs().amax(1)
    scale = (largest / 127).clamp(min=_SMALLEST_RANGE)
    zeros = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zeros, 0, -127, 127)


def fold_batch_norm(
    weight: Tensor,
    bias: Tensor | None,
    gain: Tensor | None,
    shift: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    eps: float,
) -> tuple[Tensor, Tensor]:
    """The weight and bias of a convolution with BatchNorm folded in."""
    factor = (variance + eps).rsqrt()
    if gain is not None:
        factor = factor * gain
    folded = weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    centre = -mean if bias is None else bias - mean
    return folded, centre * factor if shift is None else centre * factor + shift
