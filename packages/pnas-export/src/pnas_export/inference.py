"""What every export and every proof starts from."""

import copy

import torch
from torch import Tensor, nn

from pnas_export.preprocessing import RawPixels


def inference_copy(module: nn.Module) -> nn.Module:
    """A copy on the CPU, in evaluation mode, without gradients: converters edit what they are given."""
    return copy.deepcopy(module).cpu().eval().requires_grad_(False)


def check_input_shape(input_shape: tuple[int, ...]) -> None:
    """Raises ValueError unless `input_shape` is (1, C, H, W)."""
    if len(input_shape) != 4 or input_shape[0] != 1 or min(input_shape) < 1:
        raise ValueError(f"input_shape must be (1, C, H, W), got {tuple(input_shape)}")


def example_images(module: nn.Module, input_shape: tuple[int, ...]) -> Tensor:
    """Zeros that `module` takes: uint8 where it starts from raw pixels, else float32."""
    return torch.zeros(input_shape, dtype=torch.uint8 if isinstance(module, RawPixels) else torch.float32)
