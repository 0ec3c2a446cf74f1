"""The libraries that run the exported files."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor


class LoadedFile(Protocol):
    """A file that a runtime is ready to run."""

    def __call__(self, images: Tensor) -> Tensor:
        """Float logits (N, classes) of images (N, C, H, W) on the CPU, preprocessed as the file takes them.

        Raises:
            ValueError: naming the file, for images of another shape or type.
        """
        ...

    def benchmark(self) -> Callable[[], None]:
        """A function that runs the file once, on an image of random numbers that is already in its place."""
        ...


class Runtime(Protocol):
    """A library that runs files of one format.

    Attributes:
        name: as on PyPI.
        module: what is imported.
        suffix: of the files that it runs, with its dot.
    """

    @property
    def name(self) -> str: ...

    @property
    def module(self) -> str: ...

    @property
    def suffix(self) -> str: ...

    @property
    def installed(self) -> bool: ...

    @property
    def version(self) -> str: ...

    def supports(self, path: Path) -> bool:
        """Whether it runs files of this kind and computes them rightly."""
        ...

    def load(self, path: Path, *, threads: int = 1) -> LoadedFile:
        """The file, ready to run.

        Raises:
            ValueError: naming the file, for one that is missing or damaged or that it does not support.
        """
        ...


def check_images(file: str, images: Tensor, shape: tuple[int, ...], *, pixels: bool) -> None:
    """Raises ValueError unless `images` are (N, *shape), and uint8 where the file takes `pixels`."""
    if tuple(images.shape[1:]) != shape or (images.dtype == torch.uint8) != pixels:
        kind = "uint8 pixels" if pixels else "preprocessed floats"
        raise ValueError(
            f"{file} takes {kind} (N, {', '.join(map(str, shape))}), got {images.dtype} {tuple(images.shape)}"
        )


def random_image(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """What a file is timed on: numbers of N(0, 1), or any integers."""
    generator = torch.Generator().manual_seed(0)
    if dtype.is_floating_point:
        return torch.randn(shape, dtype=dtype, generator=generator)
    limits = torch.iinfo(dtype)
    return torch.randint(limits.min, limits.max + 1, shape, dtype=dtype, generator=generator)
