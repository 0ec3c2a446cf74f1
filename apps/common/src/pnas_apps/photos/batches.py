"""Batches of photos, read and augmented by worker processes. Shapes: N photos, C channels, H x W pixels."""

from collections.abc import Iterator, Sequence

import torch
from attrs import evolve, frozen
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.randomness import seed_of
from pnas_apps.images.batch_parts import part_of, whole_batch_size
from pnas_apps.images.image_file import ImageFile, UnreadableImageError, open_image
from pnas_apps.images.loading import Loading
from pnas_apps.photos.photo_set import PhotoSet
from pnas_apps.photos.views import Cut, View
from pnas_apps.photos.workers import in_workers
from pnas_ops import Preprocessing

Failure = tuple[int, str]
"""Index of an unreadable photo, and what is wrong with it."""


class PhotoBatches:
    """Batches of a `PhotoSet`, in channels_last order; each pass over them is one epoch.

    Workers decode photos, cut out of them what is wanted and bring it to size: those differ in size, and PyTorch's
    resizing of bytes is for CPUs. Mirroring, colours and normalization are done where the batches go: on a CPU by the
    workers too, on a GPU by itself, of whole batches, to the same pixels.

    What becomes of a photo is fixed by the generator's state and the photo's position in the pass, not by the number of
    workers or processes, nor by where a pass begins. An unreadable photo is replaced by the next one of its batch.

    Args:
        photos: the photos.
        view: what is seen of each.
        preprocessing: applied to every batch; uint8 pixels as they are if None.
        batch_size: photos in a batch, in all processes together.
        generator: shuffles and augments, in the same state in every process; without one the photos come in order, the
            last batch short.
        loading: how they are read.
        device: where the batches go.

    Raises:
        UserError: for a batch size that is not a multiple of the number of processes.
    """

    def __init__(
        self,
        photos: PhotoSet,
        view: View,
        preprocessing: Preprocessing | None,
        *,
        batch_size: int,
        generator: torch.Generator | None = None,
        loading: Loading,
        device: torch.device | str = "cpu",
    ) -> None:
        self._photos = photos
        self._view = view
        self._preprocessing = preprocessing
        self._batch_size = whole_batch_size(batch_size, len(photos), loading.world_size)
        self._generator = generator
        self._loading = loading
        self._device = torch.device(device)
        self._on_cpu = self._device.type == "cpu"
        self._to_skip = 0

    def starting_at(self, batch: int) -> "PhotoBatches":
        """The same batches, of which the first `batch`, counted over all passes, are left empty and read nothing.

        For a search that is taken up within an epoch, which passes over those that it has seen.
        """
        batches = PhotoBatches(
            self._photos,
            self._view,
            self._preprocessing,
            batch_size=self._batch_size,
            generator=self._generator,
            loading=self._loading,
            device=self._device,
        )
        batches._to_skip = batch
        return batches

    def __len__(self) -> int:
        batches, rest = divmod(len(self._photos), self._batch_size)
        return batches + (1 if rest and self._generator is None else 0)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        skipped = min(self._to_skip, len(self))
        self._to_skip -= skipped
        order, seed = torch.arange(len(self._photos)), 0
        if self._generator is not None:
            order = torch.randperm(len(self._photos), generator=self._generator)
            seed = int(torch.randint(2**62, (), generator=self._generator))
        reader = _Reader(
            photos=self._photos,
            view=self._view,
            # Where a photo is in the cache. But to a GPU pixels go as bytes, a quarter of what they are then, and it
            # finishes a batch in less time than a worker a photo.
            finishes=self._on_cpu,
            preprocessing=self._preprocessing if self._on_cpu else None,
            order=order,
            batch_size=self._batch_size,
            seed=seed,
        )
        for _ in range(skipped):
            yield self._prepare(reader.join([]))
        if skipped == len(self):
            return
        parts = [list(self._part(index)) for index in range(skipped, len(self))]
        for batch in self._load(reader, parts):
            for index, reason in batch.failures:
                self._loading.unreadable.note(self._photos.path(index), reason)
            if not batch.is_complete:
                raise UserError(
                    f"{self._photos.folder} has a batch without a readable image: replace the unreadable ones"
                )
            yield self._prepare(batch)

    def _part(self, batch: int) -> range:
        """The positions of this process's part of a batch."""
        start = batch * self._batch_size
        positions = range(start, min(start + self._batch_size, len(self._photos)))
        return positions[part_of(len(positions), self._loading.rank, self._loading.world_size)]

    def _load(self, reader: "_Reader", parts: Sequence[list[int]]) -> Iterator["_Batch"]:
        return in_workers(
            reader,
            parts,
            reader.join,
            workers=self._loading.workers,
            pin_memory=self._device.type == "cuda",
        )

    def _prepare(self, batch: "_Batch") -> tuple[Tensor, Tensor]:
        pixels = batch.pixels.to(self._device, non_blocking=True)
        labels = batch.labels.to(self._device, non_blocking=True)
        if self._on_cpu or not len(labels):
            return pixels, labels
        pixels = self._view.finish(pixels, batch.drawn)
        return pixels if self._preprocessing is None else self._preprocessing(pixels), labels


@frozen(kw_only=True, eq=False)
class _Photo:
    """What a worker has read for one position; no cut where no photo of the batch can be read."""

    cut: Cut | None
    label: int
    failures: list[Failure]


@frozen(kw_only=True, eq=False)
class _Batch:
    """What workers have made of a batch.

    Attributes:
        pixels: or the input of a net: (N, C, H, W) in channels_last order.
        drawn: what is to be done with them yet, see `Cut`.
        labels: (N,).
    """

    pixels: Tensor
    drawn: Tensor
    labels: Tensor
    failures: list[Failure]
    is_complete: bool = True

    def pin_memory(self) -> "_Batch":
        """What a loader calls by this name."""
        return evolve(self, pixels=self.pixels.pin_memory(), labels=self.labels.pin_memory())


@frozen(kw_only=True, eq=False)
class _Reader(Dataset[_Photo]):
    """The photos of one pass, by position."""

    photos: PhotoSet
    view: View
    finishes: bool
    preprocessing: Preprocessing | None
    order: Tensor
    batch_size: int
    seed: int

    def __getitem__(self, position: int) -> _Photo:
        start = position // self.batch_size * self.batch_size
        members = self.order[start : start + self.batch_size].roll(start - position).tolist()
        failures: list[Failure] = []
        for index in members:
            try:
                with open_image(self.photos.path(index)) as photo:
                    cut = self._cut(photo, seed_of(self.seed, position))
            except UnreadableImageError as error:
                failures.append((index, str(error)))
            else:
                return _Photo(cut=cut, label=int(self.photos.labels[index]), failures=failures)
        return _Photo(cut=None, label=0, failures=failures)

    def join(self, photos: Sequence[_Photo]) -> _Batch:
        """A batch of them."""
        # Pixels of no photo take the place of one that cannot be read, in a batch that nobody is given.
        cuts = [photo.cut for photo in photos if photo.cut is not None] or [self._blank()]
        # PyTorch's own collation writes into the memory that a worker shares with the process that it works for.
        pixels, drawn = default_collate([(cut.pixels.permute(1, 2, 0), cut.drawn) for cut in cuts])
        count = len(photos) and len(cuts)
        return _Batch(
            pixels=pixels[:count].permute(0, 3, 1, 2),
            drawn=drawn[:count],
            labels=torch.tensor([photo.label for photo in photos if photo.cut is not None], dtype=torch.int64),
            failures=[failure for photo in photos for failure in photo.failures],
            is_complete=all(photo.cut is not None for photo in photos),
        )

    def _cut(self, photo: ImageFile, seed: int) -> Cut:
        if not self.finishes:
            return self.view.cut(photo, seed)
        return Cut(self._prepared(self.view(photo, seed)), torch.empty(0))

    def _blank(self) -> Cut:
        blank = torch.zeros(3, self.view.resolution, self.view.resolution, dtype=torch.uint8)
        return Cut(self._prepared(blank), torch.empty(0))

    def _prepared(self, pixels: Tensor) -> Tensor:
        return pixels if self.preprocessing is None else self.preprocessing(pixels[None])[0]
