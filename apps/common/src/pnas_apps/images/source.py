"""What a run needs of its images, whether they are in memory or in files."""

from typing import Protocol, Self

import torch
from torch import Tensor

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.loading import Loading
from pnas_apps.images.unreadable import UnreadableImage
from pnas_ops import Batches, Preprocessing


class ImageSource(Protocol):
    """Labelled images, and how a net sees them. Shapes: N images, C channels, H x W pixels."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names."""

    @property
    def preprocessing(self) -> Preprocessing:
        """From pixels to the input of a net."""

    @property
    def labels(self) -> Tensor:
        """Indices into the classes, int64, (N,)."""

    def __len__(self) -> int: ...

    def subset(self, indices: Tensor) -> Self:
        """The images at `indices`, in that order."""

    def on(self, device: torch.device) -> Self:
        """The same images, kept where the device works on them, if they are in memory and fit there."""

    def resized(self, resolution: int) -> Self:
        """The same images as a net of another resolution takes them, in pixels of a side."""

    def find_unreadable(self, *, workers: int, cache: Cache, reporter: Reporter) -> list[tuple[int, UnreadableImage]]:
        """The images that cannot be read, by their index; none where all have been read already."""

    def training_batches(
        self, *, batch_size: int, generator: torch.Generator, loading: Loading, device: torch.device, start: int = 0
    ) -> Batches:
        """Shuffled and augmented, all of one size.

        Args:
            batch_size: images in a batch, in all processes together.
            generator: shuffles and augments, in the same state in every process.
            loading: how they are read, and which part of each batch is this process's.
            device: where they go.
            start: number of batches, counted over all passes, that nobody looks at: they may be left empty.
        """

    def plain_batches(
        self, *, batch_size: int, generator: torch.Generator | None, loading: Loading, device: torch.device
    ) -> Batches:
        """Batches of unaugmented images: shuffled, of one size; without a generator in order, the last one short."""

    def pixel_batches(self, *, batch_size: int, loading: Loading) -> Batches:
        """The images as they are, in order, as uint8 pixels (N, C, H, W) on the CPU, with their labels (N,): all of
        them, in every process.
        """
