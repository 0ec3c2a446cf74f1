"""How a program was started, so that a command that it prints works as it is pasted. Imports nothing heavy."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_OF_UV = "UV_RUN_RECURSION_DEPTH"
"""What `uv run` tells the programs that it starts."""


def as_started(name: str, *, argv: Sequence[str] = sys.argv, environment: Mapping[str, str] = os.environ) -> str:
    """The program as a shell takes it: behind `uv run`, by its name where the path has it, or else by its own path.

    Args:
        name: as click has it, such as "pnas-own", or "python -m pnas_own".
        argv: of the process.
        environment: of the process.
    """
    if _OF_UV in environment:
        return f"uv run {name}"
    program = name.partition(" ")[0]
    beside = Path(argv[0]).with_name(program)  # where the programs of one installation are
    if shutil.which(program, path=environment.get("PATH")) is None and os.access(beside, os.X_OK):
        return shlex.quote(str(beside))
    return name
