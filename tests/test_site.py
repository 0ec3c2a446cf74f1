"""The documentation as a site: it builds without a warning, runs the notebooks, and has every public name.

Run with `uv run --group docs pytest -m slow tests/test_site.py`.
"""

import json
import re
import subprocess
import sys
import zlib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pnas_ops", "pnas_supernet", "pnas_latency", "pnas_export")
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("mkdocs") is None, reason="needs the group: uv run --group docs pytest ..."),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_reference_has_every_public_name(site: Path) -> None:
    # Sphinx's format: four lines, then a compressed line for each name.
    inventory = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    documented = {line.split(" ")[0] for line in zlib.decompress(inventory).decode().splitlines()}
    public = {f"{package}.{name}" for package in PACKAGES for name in import_module(package).__all__}
    assert public - documented == {f"{package}.__version__" for package in PACKAGES}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs_and_shown_with_pictures(site: Path, notebook: Path) -> None:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert len(cells) == 10
    assert all(cell.get("outputs", []) == [] for cell in cells)
    drawing = [cell for cell in cells if re.search(r"\b(?:draw_\w+|show)\(", "".join(cell["source"]))]
    page = (site / "notebooks" / notebook.stem / "index.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/png') == len(drawing) >= 2
