"""Which GPU, which software, which version of ours."""

import hashlib
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import torch

import pnas_supernet
from benchmarks.gpu_parts.setting import Line, Setting

PACKAGES = Path(pnas_supernet.__file__).parents[3]


def run(setting: Setting) -> Iterator[Line]:
    """A single line."""
    line: Line = {
        "commit": _output("git", "-C", str(PACKAGES), "rev-parse", "--short", "HEAD"),
        "sources": _hash_of_sources(),
        "packages": str(PACKAGES),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda,
        "driver": _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        "cudnn": torch.backends.cudnn.version(),
        "device": platform.processor() or platform.machine(),
    }
    if setting.device.type == "cuda":
        properties = torch.cuda.get_device_properties(setting.device)
        line |= {"device": properties.name, "memory_gb": round(properties.total_memory / 1e9, 1)}
    yield line


def _hash_of_sources() -> str:
    """Tells versions apart where there is no repository."""
    found = hashlib.sha256()
    for path in sorted(PACKAGES.glob("*/src/*/**/*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def _output(*command: str) -> str | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
