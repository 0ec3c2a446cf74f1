"""Batches of images in memory. Shapes: N images, C channels, H x W pixels."""

from collections.abc import Iterator

import torch
from torch import Tensor

from pnas_apps.images.augmentation import Augmentation
from pnas_apps.images.batch_parts import part_of, whole_batch_size
from pnas_apps.images.image_set import ImageSet
from pnas_apps.images.sending import sent
from pnas_ops import Preprocessing


class ImageBatches:
    """Normalized batches of an `ImageSet`, in channels_last order; each pass over them is one epoch.

    What a pass does with the images is drawn on the CPU at its beginning, and goes to where the images are at once.
    There they are picked and changed; they are normalized on `device`. The pixels are the same wherever that is.

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
        self._augmentation = None if generator is None else augmentation
        self._rank = rank
        self._world_size = world_size
        self._device = torch.device(device)

    def __len__(self) -> int:
        batches, rest = divmod(len(self._images), self._batch_size)
        return batches + (1 if rest and self._generator is None else 0)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        pixels = self._images.images
        labels = sent(self._images.labels, pixels.device)
        for rows in torch.split(sent(self._plan(), pixels.device), self._batch_size, dim=1):
            part = part_of(rows.shape[1], self._rank, self._world_size)
            chosen, drawn = rows[0, part], rows[1:, part]
            images = pixels[chosen] if self._augmentation is None else self._augmentation(pixels, chosen, drawn)
            yield self._preprocessing(sent(images, self._device)), sent(labels[chosen], self._device)

    def _plan(self) -> Tensor:
        """The index of each image of a pass, and below it what `Augmentation.draw` drew, if anything: (1 or 6, N)."""
        count, generator = len(self._images), self._generator
        if generator is None:
            return torch.arange(count)[None]
        order = torch.randperm(count, generator=generator)[: len(self) * self._batch_size]
        if self._augmentation is None:
            return order[None]
        height, width = self._images.images.shape[2:]
        drawn = [self._augmentation.draw(self._batch_size, (height, width), generator) for _ in range(len(self))]
        return torch.cat([order[None], torch.cat(drawn, dim=1)])
