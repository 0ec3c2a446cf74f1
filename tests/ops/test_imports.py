"""What `import pnas_ops` costs, and what it says of itself."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import pnas_ops


@pytest.mark.parametrize("library", ["torchvision", "matplotlib", "torch._dynamo", "torch.utils.flop_counter"])
def test_leaves_heavy_libraries_until_they_are_needed(library: str, loaded: set[str]) -> None:
    assert "pnas_ops.modules.build" in loaded
    assert library not in loaded


def test_knows_its_version() -> None:
    assert pnas_ops.__version__ == version("pnas-ops")


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules of a fresh process that has imported the package."""
    code = "import sys, pnas_ops; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
