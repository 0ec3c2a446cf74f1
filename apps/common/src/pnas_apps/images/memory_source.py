"""Images in memory as the images of a run."""

from typing import Self

import torch
from attrs import evolve, frozen
from torch import Tensor

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.augmentation import Augmentation
from pnas_apps.images.batches import ImageBatches
from pnas_apps.images.image_set import ImageSet
from pnas_apps.images.loading import Loading
from pnas_apps.images.unreadable import UnreadableImage
from pnas_ops import Batches, Preprocessing


@frozen(kw_only=True, eq=False)
class MemorySource:
    """An `ImageSource` of images in memory.

    Attributes:
        images: the images.
        augmentation: of training batches.
        preprocessing: of every batch but those of pixels.
    """

    images: ImageSet
    augmentation: Augmentation
    preprocessing: Preprocessing

    @property
    def classes(self) -> tuple[str, ...]:
        return self.images.classes

    @property
    def labels(self) -> Tensor:
        return self.images.labels

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, indices: Tensor) -> Self:
        return evolve(self, images=self.images.subset(indices))

    def on(self, device: torch.device) -> Self:
        return evolve(self, images=self.images.on(device))

    def resized(self, resolution: int) -> Self:
        if self.images.images.shape[-2:] == (resolution, resolution):
            return self
        preprocessing = evolve(self.preprocessing, height=resolution, width=resolution, shorter_side=resolution)
        return evolve(self, images=self.images.resized(resolution), preprocessing=preprocessing)

    def find_unreadable(self, *, workers: int, cache: Cache, reporter: Reporter) -> list[tuple[int, UnreadableImage]]:
        return []

    def training_batches(
        self, *, batch_size: int, generator: torch.Generator, loading: Loading, device: torch.device, start: int = 0
    ) -> Batches:
        return self._batches(batch_size, generator, self.augmentation, loading, device)

    def plain_batches(
        self, *, batch_size: int, generator: torch.Generator | None, loading: Loading, device: torch.device
    ) -> Batches:
        return self._batches(batch_size, generator, None, loading, device)

    def pixel_batches(self, *, batch_size: int, loading: Loading) -> Batches:
        pixels, labels = self.images.images, self.images.labels
        return [
            (part.cpu(), its_labels)
            for part, its_labels in zip(torch.split(pixels, batch_size), torch.split(labels, batch_size), strict=True)
        ]

    def _batches(
        self,
        batch_size: int,
        generator: torch.Generator | None,
        augmentation: Augmentation | None,
        loading: Loading,
        device: torch.device,
    ) -> Batches:
        return ImageBatches(
            self.images,
            self.preprocessing,
            batch_size=batch_size,
            generator=generator,
            augmentation=augmentation,
            rank=loading.rank,
            world_size=loading.world_size,
            device=device,
        )
