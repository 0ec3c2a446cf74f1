"""Images in memory as uint8, and batches of them. Shapes: N images, C channels, H x W pixels."""

from collections.abc import Iterator

import torch
from attrs import field, frozen
from attrs.validators import ge
from torch import Tensor

from pnas_apps.parts import part_of, whole_batch_size
from pnas_apps.randomness import seed_of
from pnas_apps.splitting import split_count, split_share
from pnas_export import Preprocessing


@frozen(kw_only=True, eq=False)
class ImageSet:
    """Labelled images.

    Attributes:
        images: uint8, (N, C, H, W).
        labels: int64, (N,), indices into `classes`.
        classes: names.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, indices: Tensor) -> "ImageSet":
        """The images at `indices`, in that order."""
        return ImageSet(images=self.images[indices], labels=self.labels[indices], classes=self.classes)

    def split(self, share: float, generator: torch.Generator) -> tuple["ImageSet", "ImageSet"]:
        """The rest, and `share` of every class at random.

        Raises:
            UserError: where a class has too few images to stand on both sides.
        """
        rest, held_out = split_share(self.labels, self.classes, share, generator)
        return self.subset(rest), self.subset(held_out)

    def split_count(self, count: int, generator: torch.Generator) -> tuple["ImageSet", "ImageSet"]:
        """The rest, and `count` images at random, as many of every class.

        Raises:
            UserError: where a class has too few images to stand on both sides, and where it would get none.
        """
        rest, held_out = split_count(self.labels, self.classes, count, generator)
        return self.subset(rest), self.subset(held_out)


def measure_preprocessing(images: ImageSet) -> Preprocessing:
    """The preprocessing that gives these images mean 0 and standard deviation 1 in every channel."""
    values = images.images.transpose(0, 1).flatten(1).double().div_(255)
    mean, std = values.mean(dim=1), values.std(dim=1).clamp(min=1e-3)
    height, width = images.images.shape[2:]
    return Preprocessing(
        height=height,
        width=width,
        channels="grey" if len(values) == 1 else "RGB",
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
    )


@frozen(kw_only=True)
class Augmentation:
    """Random changes of training images.

    Attributes:
        crop_padding: pixels by which an image is shifted at most in either direction; what comes in is a reflection.
            (Black borders would shift the statistics of BatchNorm, which are judged on images without them.)
        horizontal_flip: whether half of the images are mirrored.
        cutout: side in pixels of the square that is blanked at a random place (arXiv 1708.04552); 0 for none.
    """

    crop_padding: int = field(validator=ge(0))
    horizontal_flip: bool
    cutout: int = field(validator=ge(0))

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """A changed copy of (N, C, H, W), each image in its own way, without a loop over images."""
        count, _, height, width = images.shape
        if self.crop_padding:
            down, right = torch.randint(-self.crop_padding, self.crop_padding + 1, (2, count, 1), generator=generator)
            rows, columns = _reflect(torch.arange(height) + down, height), _reflect(torch.arange(width) + right, width)
            each = torch.arange(count).view(-1, 1, 1)
            images = images.permute(0, 2, 3, 1)[each, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)
        if self.horizontal_flip:
            mirrored = torch.rand(count, generator=generator) < 0.5
            images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
        if self.cutout:
            rows = _near(torch.randint(height, (count, 1), generator=generator), height, self.cutout)
            columns = _near(torch.randint(width, (count, 1), generator=generator), width, self.cutout)
            images = images.masked_fill((rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(1), 0)
        return images


def _reflect(positions: Tensor, size: int) -> Tensor:
    """Positions outside 0 to `size` - 1, mirrored at the first and the last."""
    return size - 1 - (size - 1 - positions.abs()).abs()


def _near(centers: Tensor, size: int, side: int) -> Tensor:
    """Which of `size` positions lie in the window of `side` around each centre: (N, size)."""
    start = centers - side // 2
    positions = torch.arange(size)
    return (positions >= start) & (positions < start + side)


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


def seeded_generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A generator for one purpose (such as "train", epoch), independent of those for every other."""
    return torch.Generator().manual_seed(seed_of(seed, *purpose))
