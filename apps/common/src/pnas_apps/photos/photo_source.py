"""Photos in their files as the images of a run."""

from typing import Self

import torch
from attrs import evolve, frozen
from torch import Tensor

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.loading import Loading
from pnas_apps.images.unreadable import UnreadableImage
from pnas_apps.photos.batches import PhotoBatches
from pnas_apps.photos.checking import find_unreadable
from pnas_apps.photos.photo_set import PhotoSet
from pnas_apps.photos.views import CenterView, PhotoAugmentation, TrainingView, photo_preprocessing
from pnas_ops import Batches, Preprocessing


@frozen(kw_only=True, eq=False)
class PhotoSource:
    """An `ImageSource` of photos, which are read and decoded whenever they are looked at.

    Attributes:
        photos: where they are.
        resolution: side in pixels of what a net sees.
        augmentation: of training batches.
    """

    photos: PhotoSet
    resolution: int
    augmentation: PhotoAugmentation

    @property
    def classes(self) -> tuple[str, ...]:
        return self.photos.classes

    @property
    def labels(self) -> Tensor:
        return self.photos.labels

    @property
    def preprocessing(self) -> Preprocessing:
        return photo_preprocessing(self.resolution)

    def __len__(self) -> int:
        return len(self.photos)

    def subset(self, indices: Tensor) -> Self:
        return evolve(self, photos=self.photos.subset(indices))

    def on(self, device: torch.device) -> Self:
        return self

    def resized(self, resolution: int) -> Self:
        return evolve(self, resolution=resolution)

    def find_unreadable(self, *, workers: int, cache: Cache, reporter: Reporter) -> list[tuple[int, UnreadableImage]]:
        return find_unreadable(self.photos, workers=workers, cache=cache, reporter=reporter)

    def training_batches(
        self, *, batch_size: int, generator: torch.Generator, loading: Loading, device: torch.device, start: int = 0
    ) -> Batches:
        view = TrainingView(self.resolution, self.augmentation)
        batches = PhotoBatches(
            self.photos,
            view,
            self.preprocessing,
            batch_size=batch_size,
            generator=generator,
            loading=loading,
            device=device,
        )
        return batches.starting_at(start)

    def plain_batches(
        self, *, batch_size: int, generator: torch.Generator | None, loading: Loading, device: torch.device
    ) -> Batches:
        return PhotoBatches(
            self.photos,
            CenterView(self.resolution),
            self.preprocessing,
            batch_size=batch_size,
            generator=generator,
            loading=loading,
            device=device,
        )

    def pixel_batches(self, *, batch_size: int, loading: Loading) -> Batches:
        alone = evolve(loading, rank=0, world_size=1)
        return PhotoBatches(self.photos, CenterView(self.resolution), None, batch_size=batch_size, loading=alone)
