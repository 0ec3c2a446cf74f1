"""Silencing converters and runtimes."""

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pnas_ops import FilePath

# Read by litert_torch, by the C++ libraries under it, and by those of TensorFlow if installed.
_ENVIRONMENT = {
    "LITERT_TORCH_SHOW_PROGRESS": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "GLOG_minloglevel": "2",
}


@contextlib.contextmanager
def redirect_output(log: FilePath | None = None) -> Iterator[IO[bytes]]:
    """In the `with` block, appends all output of Python and C++ to `log`, or drops it.

    This holds for the whole process: a progress bar that should stay visible must write to a duplicate of its
    descriptor (`os.dup`). Warnings are dropped; environment variables that silence the converters are set, and restored
    afterwards.

    Args:
        log: the file, created if it does not exist.

    Yields:
        The file that receives the output, readable.
    """
    with contextlib.ExitStack() as stack:
        noise: IO[bytes]
        if log is None:
            noise = stack.enter_context(tempfile.TemporaryFile())
        else:
            log = Path(log)
            log.parent.mkdir(parents=True, exist_ok=True)
            noise = stack.enter_context(log.open("a+b"))
        stack.enter_context(_environment(_ENVIRONMENT))
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        for descriptor in (1, 2):
            stack.enter_context(_redirected(descriptor, noise.fileno()))
        # The Python streams need not use descriptors 1 and 2 (in a notebook or a test).
        text = stack.enter_context(os.fdopen(os.dup(noise.fileno()), "w", buffering=1, errors="replace"))
        stack.enter_context(contextlib.redirect_stdout(text))
        stack.enter_context(contextlib.redirect_stderr(text))
        yield noise


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _redirected(descriptor: int, target: int) -> Iterator[None]:
    kept = os.dup(descriptor)
    try:
        _flush()
        os.dup2(target, descriptor)
        yield
    finally:
        _flush()
        os.dup2(kept, descriptor)
        os.close(kept)


def _flush() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None and not stream.closed:
            stream.flush()
