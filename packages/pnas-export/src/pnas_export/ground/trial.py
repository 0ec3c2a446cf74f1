"""A net, run once in PyTorch before any converter sees it."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pnas_export.ground.inference_copy import inference_copy
from pnas_export.ground.net_error import NetError
from pnas_export.ground.outputs import FlatOutputs, output_tensors
from pnas_export.ground.raw_pixels import RawPixels


def example_images(module: nn.Module, input_shape: tuple[int, ...]) -> Tensor:
    """Noise that `module` takes, the same each time: uint8 where it starts from raw pixels, else float32.

    Raises:
        ValueError: unless `input_shape` is (N, C, H, W).
    """
    if len(input_shape) != 4 or min(input_shape) < 1:
        raise ValueError(f"input_shape must be (N, C, H, W), got {tuple(input_shape)}")
    generator = torch.Generator().manual_seed(0)
    if isinstance(module, RawPixels):
        return torch.randint(0, 256, input_shape, dtype=torch.uint8, generator=generator)
    return torch.randn(input_shape, generator=generator)


def tried_copy(module: nn.Module, images: Tensor) -> nn.Module:
    """An `inference_copy` that takes these images, gives tensors, and is rid of hooks that change nothing.

    Hooks that record or print would be traced with the net, or refused for what they do.

    Raises:
        NetError: for images that the net does not take, and for what it gives where that is nothing for a file.
    """
    net = inference_copy(module)
    given, expected = _run(net, images)
    for index, output in enumerate(expected):
        if output.shape[:1] != images.shape[:1]:
            raise NetError(
                f"output {index} of the net is of shape {tuple(output.shape)} for {len(images)} images",
                "export a module whose outputs have a row an image",
            )
    hooked = [vars(part)[kind] for part in net.modules() for kind in ("_forward_hooks", "_forward_pre_hooks")]
    if any(hooked):
        kept = [dict(hooks) for hooks in hooked]
        for hooks in hooked:
            hooks.clear()
        if not _gives(net, images, expected):
            for hooks, before in zip(hooked, kept, strict=True):
                hooks.update(before)
    flat = isinstance(given, Tensor) or (isinstance(given, tuple) and len(given) == len(expected))
    return net if flat else FlatOutputs(net)


def check_input(net: nn.Module, images: Tensor) -> None:
    """Raises a NetError for images that the net does not take."""
    with _refusing(images), torch.no_grad():
        net(images)


def _run(net: nn.Module, images: Tensor) -> tuple[object, tuple[Tensor, ...]]:
    with _refusing(images), torch.no_grad():
        given = net(images)
    return given, output_tensors(given)


def _gives(net: nn.Module, images: Tensor, expected: tuple[Tensor, ...]) -> bool:
    try:
        _, found = _run(net, images)
    except NetError:
        return False
    return len(found) == len(expected) and all(map(torch.equal, found, expected))


@contextlib.contextmanager
def _refusing(images: Tensor) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a net is the user's code, and raises whatever it likes
        reason = next(iter(str(error).strip().splitlines()), "no message")
        if not isinstance(error, (RuntimeError, ValueError, IndexError)):
            reason = f"{type(error).__name__}: {reason}"
        raise NetError(f"the net does not take images of shape {tuple(images.shape)}: {reason}") from error
