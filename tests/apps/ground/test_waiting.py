"""That threads without work give their cores to others soon, unless somebody has said otherwise."""

import os
import subprocess
import sys

import pytest

from pnas_apps.ground.waiting import SHORT_WAITS

_PROGRAM = """
import sys
from click import command
from pnas_apps.cli.program import Program

def compute():
    assert "torch" not in sys.modules
    import torch

Program(commands={"compute": command("compute")(compute)}).main(["compute"], prog_name="program")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="PyTorch computes on the threads of libgomp on Linux alone")
@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ({}, SHORT_WAITS["GOMP_SPINCOUNT"]),
        ({"GOMP_SPINCOUNT": "77"}, "77"),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, "0"),
    ],
)
def test_the_library_of_the_threads_is_told_before_it_is_loaded(said: dict[str, str], waits: str) -> None:
    """What it goes by, it prints itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    told = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env=kept | said | {"OMP_DISPLAY_ENV": "VERBOSE"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert f"GOMP_SPINCOUNT = '{waits}'" in told.stderr
