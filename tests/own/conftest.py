"""A tiny net of somebody's, photographs for it, and the program as its users run it."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from own_nets import FEW, Run, WriteFile
from pnas_own.cli import main

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`dark` and `light`, 26 pictures each, in one folder."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for name, brightness in (("dark", 30), ("light", 170)):
        (folder / name).mkdir()
        for number in range(26):
            pixels = random.integers(0, 60, (18, 20, 3)) + brightness
            Image.fromarray(pixels.astype("uint8")).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def write_file(tmp_path_factory: pytest.TempPathFactory) -> WriteFile:
    """A Python file of a name of its own, as Python imports a name once."""
    folder = tmp_path_factory.mktemp("files")

    def write(text: str) -> Path:
        path = folder / f"my_model_{next(_NUMBERS)}.py"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def run(tmp_path: Path, photos: Path) -> Run:
    """The command `run`, on few photographs; `run(file, "--flag", ...)`."""

    def run_program(file: str | Path, *arguments: str | Path, name: str = "make", data: Path = photos) -> Result:
        made = [f"{file}:{name}", "--data-dir", str(data), "--cache-dir", str(tmp_path / "cache")]
        few = [str(part) for pair in FEW.items() for part in pair]
        return CliRunner().invoke(main, ["run", *made, *few, *map(str, arguments)])

    return run_program
