"""Where programs begin."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pnas_apps.cli.entry import run_program

APPS = Path(__file__).parents[3] / "apps"
PROGRAMS = ("cifar10", "imagenet", "lab", "own")


def test_an_interruption_of_imports_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "slowly_imported.py").write_text("raise KeyboardInterrupt\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        run_program("slowly_imported")
    assert (ended.value.code, capsys.readouterr().err) == (130, "error: interrupted\n")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_begins_where_it_can_be_interrupted_already(name: str) -> None:
    document = tomllib.loads((APPS / name / "pyproject.toml").read_text())
    assert document["project"]["scripts"] == {f"pnas-{name}": f"pnas_{name}.__main__:main"}
    ask = f"import sys, pnas_{name}.__main__; print([one for one in ('click', 'attr') if one in sys.modules])"
    found = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
    told = subprocess.run(
        [sys.executable, "-m", f"pnas_{name}", "--version"], capture_output=True, text=True, check=True
    )
    assert "pnas-" in told.stdout
