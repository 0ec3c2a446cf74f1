"""Programs as their users run them."""

import re
from collections.abc import Callable
from typing import NamedTuple

from click.testing import Result


class Ran(NamedTuple):
    """A command that has ended, and what it wrote to the descriptors, as programs do that report progress."""

    exit_code: int
    output: str
    stderr: str


Lab = Callable[..., Ran]
"""Runs a command of pnas-lab in an empty folder: `lab("inspect", "resnet18")`."""


def assert_refused(result: Result | Ran, message: str) -> None:
    """One line, on stderr, that matches; exit code 1."""
    assert result.exit_code == 1, result.output
    assert re.search(message, result.stderr), result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
