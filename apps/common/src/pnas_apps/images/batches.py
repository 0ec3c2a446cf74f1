"""Batches of images in memory. Shapes: N images, C channels, H x W pixels."""

from collections.abc import Iterator

import torch
from torch import Tensor

from pnas_apps.images.augmentation import Augmentation
from pnas_apps.images.batch_parts import part_of, whole_batch_size
from pnas_apps.images.image_set import ImageSet
from pnas_ops import Preprocessing


class ImageBatches:
    """Normalized batches of an `ImageSet`, in channels_last order; each pass over them is one epoch.

    Args:
        images: the images.
        preprocessing: applied to every batch.
        batch_size: images in a batch, in all processes together.
        generator: shuffles and augments, in the same state in every process; without one the images come in order,
            unchanged, the last batch short.
        augmentation: of shuffled batches.
        rank: number of this process among those that work on the same batches.
        world_size: how many they are.
        device: where the batches go.

    Raises:
        UserError: for a batch size that is not a multiple of the number of processes.
    """

    def __init__(
        self,
        images: ImageSet,
        preprocessing: Preprocessing,
        *,
        batch_size: int,
        generator: torch.Generator | None = None,
        augmentation: Augmentation | None = None,
        rank: int = 0,
        world_size: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self._images = images
        self._preprocessing = preprocessing
        self._batch_size = whole_batch_size(batch_size, len(images), world_size)
        self._generator = generator
        self._augmentation = augmentation
        self._rank = rank
        self._world_size = world_size
        self._device = device

    def __len__(self) -> int:
        batches, rest = divmod(len(self._images), self._batch_size)
        return batches + (1 if rest and self._generator is None else 0)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        count = len(self._images)
        order = torch.arange(count) if self._generator is None else torch.randperm(count, generator=self._generator)
        for indices in torch.split(order, self._batch_size)[: len(self)]:
            images = self._images.images[indices]
            if self._generator is not None and self._augmentation is not None:
                images = self._augmentation(images, self._generator)
            part = part_of(len(indices), self._rank, self._world_size)
            labels = self._images.labels[indices[part]]
            yield self._preprocessing(images[part].to(self._device)), labels.to(self._device)
