"""Disks that are full and processes that are killed, at any call to the operating system."""

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

CHANGING = ("fsync", "link", "mkdir", "rename", "replace", "rmdir", "unlink")
"""Calls that change what is on a disk, or wait for it."""

NEEDING_ROOM = ("fsync", "link", "mkdir", "rename", "replace")
"""Those that a full disk may refuse."""


class Killed(BaseException):
    """No code of the process runs after it, so that whatever it would do then is refused, too."""


def kills(work: Callable[[], object]) -> Iterator[int]:
    """Does `work` again and again, killed before its first call, its second and so on until one ends.

    Yields:
        After each kill, how many calls it had done, for the caller to look at what is left.
    """
    return _failing(work, CHANGING, Killed())


def full_disks(work: Callable[[], object]) -> Iterator[int]:
    """The same for a disk that is full from some call on that needs room."""
    return _failing(work, NEEDING_ROOM, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def _failing(work: Callable[[], object], names: tuple[str, ...], failure: BaseException) -> Iterator[int]:
    for done in itertools.count():
        calls = itertools.count()
        with pytest.MonkeyPatch.context() as patch:
            for name in names:
                patch.setattr(os, name, _until(done, calls, getattr(os, name), failure))
            try:
                work()
            except type(failure) as error:
                if error is not failure:
                    raise
            else:
                return
        yield done


def _until(done: int, calls: Iterator[int], call: Callable[..., Any], failure: BaseException) -> Callable[..., Any]:
    def called(*arguments: Any, **options: Any) -> Any:
        if next(calls) >= done:
            raise failure
        return call(*arguments, **options)

    return called
