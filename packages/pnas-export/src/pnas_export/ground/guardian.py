"""A separate program for `pnas_export.ground.children`: kills the children of another program when that is gone.

It is run by its path and imports nothing of the project. Its standard input is a pipe that closes when the other
program ends, however that happens. Lines "+12" and "-12" say that process 12 was started and that it has ended.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Reads to the end, then kills the processes that are still running."""
    running: set[int] = set()
    for line in sys.stdin:
        (running.add if line.startswith("+") else running.discard)(int(line[1:]))
    for process in running:
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    main()
