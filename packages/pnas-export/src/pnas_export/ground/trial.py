"""A trial run of a net in PyTorch, before any converter sees it."""

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from pnas_export.ground.first_line import first_line
from pnas_export.ground.inference_copy import inference_copy
from pnas_export.ground.net_error import NetError
from pnas_export.ground.outputs import give_by_name, named_outputs
from pnas_export.ground.raw_pixels import RawPixels


def example_images(module: nn.Module, input_shape: tuple[int, ...]) -> Tensor:
    """Noise as input for `module`, the same each time: uint8 if it takes raw pixels, else float32.

    Raises:
        ValueError: unless `input_shape` is (N, C, H, W).
    """
    if len(input_shape) != 4 or not all(isinstance(size, int) and size >= 1 for size in input_shape):
        raise ValueError(f"input_shape must be (N, C, H, W), got {tuple(input_shape)}")
    generator = torch.Generator().manual_seed(0)
    if isinstance(module, RawPixels):
        return torch.randint(0, 256, input_shape, dtype=torch.uint8, generator=generator)
    return torch.randn(input_shape, generator=generator)


def tried_copy(module: nn.Module, images: Tensor, *, any_batch: bool = True) -> nn.Module:
    """An `inference_copy` that takes these images and returns tensors, without hooks that change nothing.

    Hooks that record or print would be traced with the net, or refused. If a net returns anything but a single tensor,
    the copy returns its `named_outputs`.

    Args:
        module: any net.
        images: (N, C, H, W), N > 1, to detect outputs without a row for each image.
        any_batch: whether it must have the same outputs for a single image.

    Raises:
        NetError: for images that the net does not take, and for outputs that a file cannot have.
    """
    net = inference_copy(module)
    given, expected = _run(net, images)
    _check_rows(expected, len(images))
    if any_batch:
        _, single = _run(net, images[:1])
        _check_rows(single, 1)
        if _structure(single) != _structure(expected):
            raise NetError(
                f"the net gives {_listed(expected)} for {len(images)} images and {_listed(single)} for one",
                "export a module that always gives the same outputs",
            )
    hooked = [vars(part)[kind] for part in net.modules() for kind in ("_forward_hooks", "_forward_pre_hooks")]
    if any(hooked):
        kept = [dict(hooks) for hooks in hooked]
        for hooks in hooked:
            hooks.clear()
        if not _gives(net, images, expected):
            for hooks, before in zip(hooked, kept, strict=True):
                hooks.update(before)
    if not isinstance(given, Tensor):
        net.register_forward_hook(give_by_name)
    return net


def check_input(net: nn.Module, images: Tensor) -> None:
    """Raises a NetError for images that the net does not take."""
    with _refusing(images), torch.no_grad():
        net(images)


def _run(net: nn.Module, images: Tensor) -> tuple[object, dict[str, Tensor]]:
    with _refusing(images), torch.no_grad():
        given = net(images)
    return given, named_outputs(given)


def _check_rows(outputs: Mapping[str, Tensor], count: int) -> None:
    for name, output in outputs.items():
        if output.shape[:1] != (count,):
            raise NetError(
                f"output {name!r} of the net is of shape {tuple(output.shape)} for {count} images",
                "export a module whose outputs have a row per image: no losses, no lists of detections",
            )


def _structure(outputs: Mapping[str, Tensor]) -> dict[str, tuple[object, ...]]:
    return {name: (output.dtype, *output.shape[1:]) for name, output in outputs.items()}


def _listed(outputs: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {tuple(output.shape)}" for name, output in outputs.items())


def _gives(net: nn.Module, images: Tensor, expected: Mapping[str, Tensor]) -> bool:
    try:
        _, found = _run(net, images)
    except NetError:
        return False
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


@contextlib.contextmanager
def _refusing(images: Tensor) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a net is the user's code, which may raise anything
        reason, way_out = first_line(error), ""
        if not isinstance(error, (RuntimeError, ValueError, IndexError)):
            reason = f"{type(error).__name__}: {reason}"
        if isinstance(error, TypeError) and "required positional argument" in reason:
            way_out = "export a module whose forward takes images alone"
        raise NetError(f"the net does not take images of shape {tuple(images.shape)}: {reason}", way_out) from error
