"""The libraries that run exported files."""

from typing import Protocol

import torch
from torch import Tensor

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


def check_images(file: str, images: Tensor, shape: tuple[int, ...], *, pixels: bool) -> None:
    """Raises ValueError unless `images` are (N, *shape), and uint8 if the file takes `pixels`."""
    if tuple(images.shape[1:]) != shape or (images.dtype == torch.uint8) != pixels:
        kind = "uint8 pixels" if pixels else "preprocessed floats"
        raise ValueError(
            f"{file} takes {kind} (N, {', '.join(map(str, shape))}), got {images.dtype} {tuple(images.shape)}"
        )
