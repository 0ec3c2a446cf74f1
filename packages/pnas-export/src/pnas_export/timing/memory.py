"""How much memory a file needs to run."""

import re
import subprocess
import sys
from pathlib import Path

from pnas_export.ground.children import started
from pnas_export.runtimes.runtime import Runtime, runtime_module
from pnas_ops import FilePath

_PROBE = Path(__file__).with_name("memory_probe.py")
_TIMEOUT_S = 300


def peak_memory_bytes(file: FilePath, runtime: Runtime, *, threads: int = 1) -> int:
    """The peak memory to load a file and run it a few times, in addition to the runtime itself.

    Measured in a separate process. It includes the file's own bytes, as far as the runtime touches them.

    Args:
        file: of the runtime's format.
        runtime: installed here.
        threads: of the runtime.

    Raises:
        ValueError: if the runtime cannot run the file.
    """
    command = [sys.executable, "-I", str(_PROBE), runtime_module(runtime), str(file), str(threads)]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        output, errors = process.communicate(timeout=_TIMEOUT_S)
    found = re.search(r"^peak_bytes=(\d+)$", output, re.MULTILINE)
    if process.returncode or found is None:
        reason = next(iter(errors.strip().splitlines()[-1:]), f"exit code {process.returncode}")
        raise ValueError(f"{runtime.name} cannot run {file}: {reason}")
    return int(found[1])
