"""Folders that are either complete or as they were."""

import errno
import os
import shutil
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

from pnas_ops.data.errors import PnasError
from pnas_ops.files.atomic import FilePath, half_written, put_aside, remove, sync_file, sync_folder
from pnas_ops.files.leftovers import recover


@contextmanager
def replaced_folder(path: FilePath, *, own: Container[str] = ()) -> Iterator[Path]:
    """An empty folder beside `path`, which takes its place when the `with` block ends.

    Its content is on the disk by then. A crash at any time leaves the old folder or the new one, which `recover` finds;
    an error leaves the old folder and nothing else.

    Args:
        path: the folder, which need not exist; if it is a link, the folder that the link points to is replaced.
        own: names in the folder at `path` that are replaced with it. All other entries are the user's and are moved to
            the new folder; if that already has one of their names, ".yours" is appended.

    Raises:
        NotADirectoryError: if `path` is a file.
        PnasError: if it is a mount point, which cannot be replaced.
    """
    path = Path(os.path.realpath(path))
    recover(path)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if os.path.ismount(path):
        raise PnasError(f"{path} is a mount point, which cannot be replaced", "name a folder in it")
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = half_written(path)
    remove(staged)  # of an earlier process with the same number
    staged.mkdir()
    try:
        yield staged
        for entry in [*staged.rglob("*"), staged]:
            (sync_folder if entry.is_dir() else sync_file)(entry)
        if path.exists():
            _keep_others(path, staged, own)
            shutil.copymode(path, staged)
        _swap(staged, path)
    finally:
        remove(staged)


def _keep_others(path: Path, staged: Path, own: Container[str]) -> None:
    for entry in sorted(path.iterdir()):
        if entry.name in own:
            continue
        kept = staged / entry.name
        while kept.exists() or (kept.name != entry.name and (path / kept.name).exists()):
            kept = kept.with_name(f"{kept.name}.yours")
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, kept, symlinks=True, copy_function=_link)
        else:
            _link(entry, kept)
    sync_folder(staged)


def _link(source: FilePath, target: FilePath) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # not every file system has links
        shutil.copy2(source, target, follow_symlinks=False)


def _swap(staged: Path, path: Path) -> None:
    before = put_aside(path)
    if path.exists():
        path.rename(before)
    try:
        staged.rename(path)
    except BaseException:
        if before.exists():
            before.rename(path)
        raise
    sync_folder(path.parent)
    shutil.rmtree(before, ignore_errors=True)
