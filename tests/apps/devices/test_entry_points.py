"""Devices and operations of installed packages, as a process of its own finds them."""

import os
import subprocess
import sys
from pathlib import Path

from attrs import evolve

import ghost_operations
from ghost_operations import GhostSpec
from pnas_ops import digits_mbconv_space, save_json

MODULE = """
from pnas_ops import DeviceInfo

class Board:
    def __init__(self, threads, dtype):
        self.info = DeviceInfo(device="my board", runtime="mine", runtime_version="7", threads=threads, dtype=dtype)
    def measure(self, rows, nets=(), *, build=None, progress=None):
        return iter(())

def broken(threads, dtype):
    raise OSError("the board is off")
"""
ENTRY_POINTS = """
[pnas.devices]
my-board = my_boards:Board
broken-board = my_boards:broken

[pnas.operations]
Ghost = ghost_operations:GhostSpec
"""
PROGRAM = """
from pathlib import Path
from pnas_apps.devices.device_names import parse_device
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_ops import load_space, to_json

cache = Cache(Path("cache"))
print(parse_device("my-board", threads=3, dtype="int8", cache=cache, log=None).info)
try:
    parse_device("broken-board", threads=1, dtype="float32", cache=cache, log=None)
except UserError as error:
    print(error)
print(to_json(load_space("space.json")) == Path("space.json").read_text())
"""


def test_an_installed_package_brings_devices_and_operations(tmp_path: Path) -> None:
    about = tmp_path / "my_boards-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-boards\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "my_boards.py").write_text(MODULE)
    save_json(evolve(digits_mbconv_space(), candidates=(GhostSpec(),)), tmp_path / "space.json")
    path = os.pathsep.join([str(tmp_path), str(Path(ghost_operations.__file__).parent)])
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == [
        "mine 7, int8, 3 threads, my board",
        "device 'broken-board' cannot be used: my_boards:broken fails: OSError: the board is off",
        "True",
    ]
