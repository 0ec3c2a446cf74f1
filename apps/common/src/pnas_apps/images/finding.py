"""Which files of a folder are images, which are not, and what is said of those."""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from attrs import field, frozen

from pnas_apps.ground.errors import UserError
from pnas_apps.images.formats import HEIC_SUFFIXES, HEIC_WAY_OUT, image_suffixes

_JUNK_FOLDERS = frozenset({"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information"})
"""What macOS, network drives and Windows leave beside images: thumbnails and other copies of them."""
_KINDS_TOLD = 8


@frozen(kw_only=True)
class FoundImages:
    """The image files under a folder.

    Attributes:
        names: their paths from the folder on, in order.
        skipped: how many other files there are, by what they are.
    """

    names: list[str] = field(factory=list)
    skipped: Counter[str] = field(factory=Counter)


def is_junk_folder(name: str) -> bool:
    """Whether a folder of this name is not the user's: hidden, or made by a system beside the images."""
    return name.startswith(".") or name in _JUNK_FOLDERS


def find_images(folder: Path) -> FoundImages:
    """All images under a folder, in sub-folders too, of which none is opened.

    Links are followed, but not to where they come from, and each folder is entered once. A link to nothing is an image
    if its name is that of one: it will be found unreadable, and so be told.

    Raises:
        UserError: for a folder without any, or one that cannot be looked into.
    """
    found = FoundImages()
    # Not those that the folder is in either: the other classes are no part of this one.
    around = [parent.stat() for parent in folder.resolve().parents]
    entered, to_enter = {(status.st_dev, status.st_ino) for status in around}, [""]
    while to_enter:
        prefix = to_enter.pop()
        try:
            status = os.stat(folder / prefix)  # noqa: PTH116
            if (status.st_dev, status.st_ino) not in entered:
                entered.add((status.st_dev, status.st_ino))
                to_enter.extend(sorted(_take(folder / prefix, prefix, found), reverse=True))
        except OSError as error:
            raise UserError(f"{folder / prefix} cannot be read ({error.strerror}): allow it, or remove it") from None
    if not found.names:
        others = f", but {skipped_line(found.skipped)}" if found.skipped else ""
        raise UserError(f"{folder} holds no images{others}: add some or remove the folder")
    found.names.sort()
    return found


def skipped_line(skipped: Counter[str]) -> str:
    """How many files are no images, and which kinds of them."""
    kinds = [f"{count} {kind}" for kind, count in skipped.most_common(_KINDS_TOLD)]
    if len(skipped) > len(kinds):
        kinds.append("and others")
    count = skipped.total()
    return f"{count} other {'file' if count == 1 else 'files'} ({', '.join(kinds)})"


def _take(folder: Path, prefix: str, found: FoundImages) -> list[str]:
    """Takes down the files of one folder, and gives back its sub-folders."""
    images = image_suffixes()
    inner = []
    # os.scandir and splitext, since ImageNet has 1.28 million names: iterdir takes several times as long.
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is(entry.is_dir) and not is_junk_folder(entry.name):
                inner.append(f"{prefix}{entry.name}/")
                continue
            kind = _why_skipped(entry, images)
            if kind is None:
                found.names.append(prefix + entry.name)
            else:
                found.skipped[kind] += 1
    return inner


def _why_skipped(entry: "os.DirEntry[str]", images: frozenset[str]) -> str | None:
    if _is(entry.is_dir):
        return "hidden folders" if entry.name.startswith(".") else f"in a folder {entry.name}"
    if entry.name.startswith("."):
        return "hidden"
    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122
    if suffix in images:
        # A pipe would keep its reader waiting for ever.
        is_pipe = not _is(entry.is_file) and Path(entry.path).exists()
        return "pipes, sockets or devices" if is_pipe else None
    if suffix in HEIC_SUFFIXES:
        return f"{suffix}, readable after {HEIC_WAY_OUT}"
    return suffix.encode("ascii", "backslashreplace").decode() if suffix else "without a suffix"


def _is(asked: Callable[[], bool]) -> bool:
    with suppress(OSError):  # of a link that leads to itself
        return asked()
    return False
