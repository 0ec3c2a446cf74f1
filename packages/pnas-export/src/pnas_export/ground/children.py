"""Child processes that end with this program, even if it is killed."""

import atexit
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

_GUARDIAN = Path(__file__).with_name("guardian.py")
_ONE_AT_A_TIME = Lock()


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """A program that is killed if the `with` block ends by an exception, or this program ends.

    The block's end waits for it. If this program is killed, a guardian process notices and kills the child, but not
    what the child started itself.

    Args:
        command: the program and its arguments, without a shell.
        options: of `subprocess.Popen`.

    Raises:
        OSError: for a program that cannot be started.
    """
    process = subprocess.Popen(command, **options)
    _tell(f"+{process.pid}\n")
    try:
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise
    finally:
        _tell(f"-{process.pid}\n")


def _tell(line: str) -> None:
    with _ONE_AT_A_TIME, suppress(OSError):  # a lost guardian guards nothing, which is no reason to stop
        pipe = _guardian().stdin
        assert pipe is not None
        pipe.write(line)
        pipe.flush()


@cache
def _guardian() -> "subprocess.Popen[str]":
    """The guardian process, started when first needed.

    It has its own session, so signals that a terminal or a shell sends to a whole job do not reach it.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_GUARDIAN)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    atexit.register(process.communicate)
    return process
