"""The libraries that run exported files."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from pnas_export.runtimes.model_files import ModelFileError
from pnas_ops import FilePath


class LoadedFile(Protocol):
    """A file that a runtime is ready to run."""

    def __call__(self, images: Tensor) -> Tensor:
        """The first output, usually logits (N, classes), for images (N, C, H, W) on the CPU, as the file takes them.

        Raises:
            ValueError: naming the file, for images of another shape or dtype, and if the runtime fails.
        """
        ...

    def outputs(self, images: Tensor) -> tuple[Tensor, ...]:
        """All outputs, in the order of the net, each with a row for each image; images are (N, C, H, W).

        Raises:
            ValueError: as a call.
        """
        ...


class Runtime(Protocol):
    """A library that runs files of one format."""

    @property
    def name(self) -> str:
        """Its name on PyPI."""
        ...

    @property
    def module(self) -> str:
        """The module that is imported."""
        ...

    @property
    def suffix(self) -> str:
        """File name suffix of the files that it runs, with its dot."""
        ...

    @property
    def installed(self) -> bool:
        """Whether it is installed here."""
        ...

    @property
    def version(self) -> str:
        """The installed version."""
        ...

    def supports(self, path: FilePath) -> bool:
        """Whether it runs files of this kind and computes them rightly."""
        ...

    def load(self, path: FilePath, *, threads: int = 1) -> LoadedFile:
        """The file, ready to run.

        Raises:
            ValueError: naming the file, for one that is missing or damaged or that it does not support.
        """
        ...


def runtime_module(runtime: Runtime) -> str:
    """The module that has the runtime's `Interpreter` or `InferenceSession`."""
    return f"{runtime.module}.interpreter" if runtime.suffix == ".tflite" else runtime.module


def check_images(file: str, images: Tensor, shape: Sequence[int | str | None], *, pixels: bool) -> None:
    """Raises ModelFileError unless `images` are (N, *shape), and uint8 where the file takes `pixels`.

    Args:
        file: its name.
        images: what it would get.
        shape: what it takes, without the batch, in PyTorch's order; what is no number is free.
        pixels: whether it takes uint8.
    """
    given = tuple(images.shape[1:])
    fits = len(given) == len(shape) and all(
        not isinstance(size, int) or size == there for size, there in zip(shape, given, strict=True)
    )
    if not fits:
        takes, got = (f"(N, {', '.join(str(size or 'any') for size in sizes)})" for sizes in (shape, given))
        raise ModelFileError(
            f"{file} takes images {takes}, these are {got}",
            "export it for these, with the channels first in an ONNX file and last in a TFLite file",
        )
    if (images.dtype == torch.uint8) != pixels:
        takes, got = ("uint8 pixels", "preprocessed floats")[:: 1 if pixels else -1]
        raise ModelFileError(f"{file} takes {takes}, got {got}", "say so in its metadata, by raw_pixels")


def check_rows(file: str, shape: Sequence[int], images: int) -> None:
    """Raises ModelFileError unless an output has a row for each of the images; a file need not say what it gives."""
    if tuple(shape[:1]) != (images,):
        raise ModelFileError(
            f"{file} gives an output of shape {tuple(shape)} for a batch of {images}",
            "export a net that gives a row for each image",
        )
