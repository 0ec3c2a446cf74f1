"""A tiny net of somebody's, photographs for it, and the program as its users run it."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import pnas_apps.steps.table
import pnas_export.proving.prove
import pnas_own.reporting
import pnas_own.searching
from own.interrupted import REST_MS, TITLES_MS, Tables
from own_nets import FEW, Run, WriteFile
from pnas_ops import ModuleArchitecture
from pnas_own.cli import main
from tables import measurement

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


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    """Nothing is converted but for the bundle, and nothing is measured: fresh processes take their time."""
    known = Tables()
    monkeypatch.setattr(pnas_apps.steps.table, "cached_table", known.cached_table)
    monkeypatch.setattr(
        pnas_export.proving.prove, "measure_files", lambda calls, **options: dict.fromkeys(calls, measurement(1.0))
    )
    monkeypatch.setattr(pnas_export.proving.prove, "peak_memory_bytes", lambda *_: 1)

    def measured_ms(device: object, table: object, build: object) -> Any:
        def cost(net: ModuleArchitecture) -> float:
            known.nets_measured += 1
            titles = [place.candidates[0].title for place in net.places]
            return REST_MS + sum(TITLES_MS.get(title, 0.0) for title in titles)

        return cost

    for module in (pnas_own.searching, pnas_own.reporting):
        monkeypatch.setattr(module, "measured_ms", measured_ms)
    return known
