"""Every photo read once before a run begins, and none twice that has not changed since."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from attrs import frozen
from torch.utils.data import Dataset

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_file import UnreadableImageError, open_image
from pnas_apps.images.unreadable import UnreadableImage
from pnas_apps.photos.photo_set import PhotoSet
from pnas_apps.photos.workers import in_workers
from pnas_ops import FormatError, load_json, save_json

_AT_A_TIME = 64
_SHRINK = 8.0
_WORTH_A_WORKER = 256
"""So many photos are read while a worker starts."""


@frozen(kw_only=True)
class ReadablePhotos:
    """The photos of a folder that could be read.

    Attributes:
        prints: of each its name, size and time of change, hashed: a million of them have to be read quickly.
    """

    prints: tuple[str, ...]


def find_unreadable(
    photos: PhotoSet, *, workers: int, cache: Cache, reporter: Reporter
) -> list[tuple[int, UnreadableImage]]:
    """The photos that cannot be read, by their index, each decoded as cheaply as shows that.

    Args:
        photos: the photos.
        workers: processes that may read them; 0 to do it in this one.
        cache: remembers those that can be read by name, size and time, also where this is interrupted.
        reporter: shows progress.
    """
    record = _record_of(photos.folder, cache)
    prints = [_print_of(photos, index) for index in range(len(photos))]
    known = _recorded(record)
    new = [index for index, print_ in enumerate(prints) if print_ not in known]
    if not new:
        return []
    unreadable: list[tuple[int, UnreadableImage]] = []
    parts = [new[start : start + _AT_A_TIME] for start in range(0, len(new), _AT_A_TIME)]
    try:
        with reporter.bar(f"checking photos in {photos.folder.name}", len(new), "photos") as advance:
            worth = min(workers, len(new) // _WORTH_A_WORKER)
            checked = in_workers(_Check(photos=photos), parts, list, workers=worth)
            for part, reasons in zip(parts, checked, strict=True):
                for index, reason in zip(part, reasons, strict=True):
                    if reason is None:
                        known.add(prints[index])
                    else:
                        unreadable.append((index, UnreadableImage(path=photos.path(index), reason=reason)))
                advance(len(part))
    finally:
        _write(record, sorted(known.intersection(prints)))
    return unreadable


@frozen(kw_only=True, eq=False)
class _Check(Dataset[str | None]):
    """What is wrong with each photo, if anything is."""

    photos: PhotoSet

    def __getitem__(self, index: int) -> str | None:
        try:
            with open_image(self.photos.path(index)) as photo:
                photo.decode(shrink=_SHRINK)
        except UnreadableImageError as error:
            return str(error)
        return None


def _record_of(folder: Path, cache: Cache) -> Path:
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return cache.path / "photos" / f"{name}.json"


def _print_of(photos: PhotoSet, index: int) -> str:
    path = photos.path(index)
    try:
        status = path.stat()
    except OSError:
        return ""
    name = os.fsencode(path.relative_to(photos.folder))
    return hashlib.blake2b(b"%s/%d/%d" % (name, status.st_size, status.st_mtime_ns), digest_size=10).hexdigest()


def _recorded(record: Path) -> set[str]:
    # Nothing but time is lost where it is damaged.
    with suppress(OSError, FormatError):
        return {*load_json(record, ReadablePhotos).prints}
    return set()


def _write(record: Path, prints: Sequence[str]) -> None:
    with suppress(OSError):  # of a cache that is full or cannot be written: the next start checks again
        save_json(ReadablePhotos(prints=tuple(prints)), record)
