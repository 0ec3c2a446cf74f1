"""How a program was started, so that a command that it prints works as it is pasted. Imports nothing heavy."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_OF_UV = "UV_RUN_RECURSION_DEPTH"
"""What `uv run` tells the programs that it starts."""


def as_started(
    name: str,
    *,
    argv: Sequence[str] = sys.argv,
    environment: Mapping[str, str] = os.environ,
    python: str = sys.executable,
) -> str:
    """The program as a shell takes it: behind `uv run`, by its name where the path has it, or else by its own path.

    Args:
        name: as click has it, such as "pnas-own", or "python -m pnas_own".
        argv: of the process.
        environment: of the process.
        python: the interpreter of the process.
    """
    by_uv = _OF_UV in environment
    if by_uv and _is_in_project_of(Path(python)):
        return f"uv run {name}"
    program, space, rest = name.partition(" ")
    # To its programs uv has given a path of its own.
    found = None if by_uv else shutil.which(program, path=environment.get("PATH"))
    for beside in filter(None, (argv[0], python)):  # where the programs of one installation are
        own = Path(beside).with_name(program)
        if shutil.which(own.absolute()):
            is_found = found is not None and Path(found).absolute() == own.absolute()
            return name if is_found else shlex.quote(f"{own}" if own.parent.parts else f"./{own}") + space + rest
    return name


def _is_in_project_of(python: Path) -> bool:
    """Whether `uv run` finds the interpreter's environment from the working directory."""
    here, environment = Path.cwd(), python.parent.parent.resolve()
    return any((folder / ".venv").resolve() == environment for folder in (here, *here.parents))
