"""The program as its users run it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from command_line import Lab, Ran
from pnas_lab.cli import main


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Lab:
    """A command of pnas-lab in an empty folder, and what it leaves on stdout; `lab("inspect", "resnet18")`."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ran:
        result = CliRunner().invoke(main, list(map(str, arguments)))
        # Programs write to the descriptor.
        return Ran(result.exit_code, capfd.readouterr().out, result.stderr)

    return run
