"""Photographs in a folder with one sub-folder a class, read as `pnas-imagenet` reads them."""

from collections.abc import Sequence
from pathlib import Path

import torch
from attrs import frozen
from torch import Tensor

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.ground.session import Session
from pnas_apps.images.loading import Loading, UnreadablePhotos
from pnas_apps.images.splitting import split_share
from pnas_apps.photos.photo_set import find_photos
from pnas_apps.photos.photo_source import PhotoSource
from pnas_apps.run.task import readable_parts
from pnas_apps.steps.export import check_calibration
from pnas_apps.steps.net_export import spread
from pnas_apps.steps.search_images import check_interval
from pnas_apps.steps.weights_judge import JUDGED, statistics_images
from pnas_export import Format
from pnas_ops import Batches, Preprocessing
from pnas_own.data import Part
from pnas_own.preset import OwnPreset

_PIXEL_BATCH = 256
_TEST_FOLDERS = ("val", "test")


@frozen(kw_only=True, eq=False)
class FolderData:
    """`Data` of photographs."""

    name: str
    parts: dict[Part, PhotoSource]
    judged: PhotoSource
    batch_size: int
    seed: int
    loading: Loading
    device: torch.device

    @property
    def classes(self) -> tuple[str, ...]:
        return self.judged.classes

    @property
    def preprocessing(self) -> Preprocessing:
        return self.judged.preprocessing

    @property
    def sizes(self) -> tuple[int, int]:
        return len(self.parts["all"]), len(self.judged)

    def training(self, part: Part, *purpose: str | int, start: int = 0) -> Batches:
        return self.parts[part].training_batches(
            batch_size=self.batch_size,
            generator=seeded_generator(self.seed, part, *purpose),
            loading=self.loading,
            device=self.device,
            start=start,
        )

    def judging(self) -> tuple[Batches, Batches]:
        statistics = statistics_images(len(self.parts["weights"]), self.batch_size)
        return self._plain("weights", statistics), self._plain("choice", JUDGED)

    def test(self) -> Batches:
        return self.judged.pixel_batches(batch_size=_PIXEL_BATCH, loading=self.loading)

    def _plain(self, part: Part, most: int) -> Batches:
        images = self.parts[part]
        some = torch.randperm(len(images), generator=seeded_generator(self.seed, part, "judging"))[:most]
        return images.subset(some).plain_batches(
            batch_size=self.batch_size, generator=None, loading=self.loading, device=self.device
        )

    def calibration(self, count: int) -> Tensor:
        some = spread(self.parts["all"], count).pixel_batches(batch_size=_PIXEL_BATCH, loading=self.loading)
        return torch.cat([pixels for pixels, _ in some])


def read_folder(
    folder: Path,
    preset: OwnPreset,
    *,
    formats: Sequence[Format],
    seed: int,
    check: bool,
    cache: Cache,
    session: Session,
) -> FolderData:
    """The photographs under `folder/train/CLASS`, and `folder/val/CLASS` or `folder/test/CLASS`; or under
    `folder/CLASS`, where a share of every class is for the test.

    Args:
        folder: holds them.
        preset: how many are held out, and how they are seen.
        formats: of the files that ship: int8 ones need some images.
        seed: of what is held out, and of every batch.
        check: whether every photo is read once, now.
        cache: remembers those that can be read.
        session: tells, and has workers that read.

    Raises:
        UserError: for a folder without such images, for images that cannot be read, and for a class with too few.
    """
    name = folder.resolve().name
    train, test = _found(folder, preset, seed, session)
    weights, choice = _search_parts(name, train, preset, formats, seed)  # too few are refused before they are read
    if check:
        train, test = readable_parts(
            (train, test),
            max_share=preset.max_corrupt_share,
            workers=session.workers,
            cache=cache,
            reporter=session.reporter,
        )
        weights, choice = _search_parts(name, train, preset, formats, seed)
    unreadable = UnreadablePhotos(
        len(train) + len(test), max_share=preset.max_corrupt_share, tell=session.reporter.line
    )
    return FolderData(
        name=name,
        parts={"weights": weights, "choice": choice, "all": train},
        judged=test,
        batch_size=preset.batch_size,
        seed=seed,
        loading=Loading(unreadable=unreadable, workers=session.workers),
        device=session.processes.device,
    )


def _search_parts(
    name: str, train: PhotoSource, preset: OwnPreset, formats: Sequence[Format], seed: int
) -> tuple[PhotoSource, PhotoSource]:
    """Those for the weights and those for the choice; a UserError for training images that are too few for a run."""
    weights, choice = split_share(
        train, preset.validation_share, seeded_generator(seed, "split"), flag="--validation-share"
    )
    check_interval(len(weights), len(train), preset.batch_size, preset.search.arch_interval)
    check_calibration(name, len(train), formats, or_else="")
    return weights, choice


def _found(folder: Path, preset: OwnPreset, seed: int, session: Session) -> tuple[PhotoSource, PhotoSource]:
    def source(place: Path, classes: tuple[str, ...] | None = None) -> PhotoSource:
        photos = find_photos(place, reporter=session.reporter, classes=classes)
        return PhotoSource(photos=photos, resolution=preset.resolution, augmentation=preset.augmentation)

    has_train = (folder / "train").is_dir()
    train = source(folder / "train" if has_train else folder)
    held_out = next((folder / name for name in _TEST_FOLDERS if has_train and (folder / name).is_dir()), None)
    if held_out is not None:
        return train, source(held_out, train.classes)
    return split_share(train, preset.test_share, seeded_generator(seed, "test images"), flag="--test-share")
