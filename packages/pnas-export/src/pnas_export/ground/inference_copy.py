"""What every export and every proof starts from."""

import copy

import torch
from torch import Tensor, nn

from pnas_export.ground.raw_pixels import RawPixels


def inference_copy(module: nn.Module) -> nn.Module:
    """A copy on the CPU, in evaluation mode, without gradients: converters edit what they are given."""
    return copy.deepcopy(module).cpu().eval().requires_grad_(False)


def example_images(module: nn.Module, input_shape: tuple[int, ...]) -> Tensor:
    """Zeros that `module` takes: uint8 where it starts from raw pixels, else float32.

    Raises:
        ValueError: unless `input_shape` is (N, C, H, W).
    """
    if len(input_shape) != 4 or min(input_shape) < 1:
        raise ValueError(f"input_shape must be (N, C, H, W), got {tuple(input_shape)}")
    return torch.zeros(input_shape, dtype=torch.uint8 if isinstance(module, RawPixels) else torch.float32)


def check_input(net: nn.Module, images: Tensor) -> None:
    """Raises ValueError in one line where PyTorch itself cannot run the net on such images."""
    try:
        with torch.no_grad():
            net(images)
    except (RuntimeError, ValueError, IndexError) as error:
        reason = next(iter(str(error).strip().splitlines()), "no message")
        raise ValueError(f"the net does not take images of shape {tuple(images.shape)}: {reason}") from error
