"""External programs that measure."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from pnas_export.ground.children import started
from pnas_ops import PnasError


class DeviceError(PnasError, ValueError):
    """A device that cannot measure; its message is one line that names it and the way out."""


@frozen(kw_only=True)
class Finished:
    """How a program ended, and what it printed on stdout and stderr."""

    code: int
    output: str

    @property
    def last_line(self) -> str:
        """The last line that is not empty, for an error message."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return repr(lines[-1]) if lines else "nothing"


def run_program(command: Sequence[str], *, timeout_s: float, source: Path | None = None) -> Finished:
    """Runs a program, without a shell; it ends with this one, however that ends.

    Args:
        command: the program and its arguments.
        timeout_s: seconds after which it is killed.
        source: a file for its standard input; empty if None.

    Raises:
        DeviceError: for a program that cannot be started, and one that is killed.
    """
    # Not a pipe, on which we would wait while a child of the killed program holds it open.
    with tempfile.TemporaryFile() as output, (source or Path(os.devnull)).open("rb") as stdin:
        try:
            with started(command, stdin=stdin, stdout=output, stderr=output) as process:
                code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise DeviceError(
                f"{command[0]} did not end within {timeout_s:g} s", "see why, or allow it more (timeout_s)"
            ) from None
        except OSError as error:
            raise DeviceError(f"cannot run {command[0]}: {error.strerror}") from None
        output.seek(0)
        return Finished(code=code, output=output.read().decode(errors="replace"))
