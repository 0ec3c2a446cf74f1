"""A program of its own for `pnas_export.ground.children`: ends what another program has started, when that is gone.

It is run by its path and imports nothing of the project. Its standard input is a pipe that ends with the other program,
however that ends: lines "+12" and "-12" say that the process 12 was started and that it has ended.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Reads to the end, then ends what has not."""
    running: set[int] = set()
    for line in sys.stdin:
        (running.add if line.startswith("+") else running.discard)(int(line[1:]))
    for process in running:
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    main()
