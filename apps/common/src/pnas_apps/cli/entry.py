"""Where a program begins, before anything of it is imported. Imports nothing but what Python has."""

import signal
import sys
from importlib import import_module


def run_program(module: str) -> None:
    """Imports a module and runs its `main`. An interruption that comes before `Program` looks after it, or after, is
    one line, too.

    Args:
        module: of the command line.
    """
    try:
        import_module(module).main()
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        sys.exit(128 + signal.SIGINT)
