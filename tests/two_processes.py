"""Programs in two processes that work as one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
TIMEOUT_S = 120


def run_in_two_processes(program: Path, folder: Path) -> list[str]:
    """Runs a program, which is given the folder, to its end in two processes on CPUs; returns what they print."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # What torchrun sets; it would import torch a third time.
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "PYTHONPATH": str(TESTS)}
    started = [
        subprocess.Popen(
            [sys.executable, str(program), str(folder)],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    ended = [process.communicate(timeout=TIMEOUT_S) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    return [out for out, _ in ended]
